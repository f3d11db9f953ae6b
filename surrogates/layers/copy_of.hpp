#pragma once

#include <memory>

#include <torch/nn/module.h>

namespace eddyline {

/// A module made anew with copies of the weights of `from`, which learn nothing and do not change
/// with it.
/// \param arguments  what a `Module` is made with, as `from` was
template <class Module, class... Arguments>
std::shared_ptr<Module const> copy_of(Module const& from, Arguments const&... arguments) {
  auto const made = std::make_shared<Module>(arguments...);
  auto const theirs = from.parameters();
  auto const ours = made->parameters();
  for (size_t i = 0; i < ours.size(); ++i) {
    ours[i].set_requires_grad(false).set_data(theirs[i].detach().clone());
  }
  return made;
}

}  // namespace eddyline
