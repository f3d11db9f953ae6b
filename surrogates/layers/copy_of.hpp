#pragma once

#include <memory>

#include "surrogates/layers/copy_values.hpp"

namespace eddyline {

/// A module made anew with copies of the weights of `from`, which learn nothing and do not change
/// with it.
/// \param arguments  what a `Module` is made with, as `from` was
template <class Module, class... Arguments>
std::shared_ptr<Module const> copy_of(Module const& from, Arguments const&... arguments) {
  auto const made = std::make_shared<Module>(arguments...);
  copy_values(from, *made);
  return made;
}

}  // namespace eddyline
