// What one rank computes for all.
#pragma once

#include <functional>
#include <map>
#include <string>

#include <ATen/ATen.h>
#include <torch/csrc/jit/serialization/pickle.h>

#include "core/communicator.hpp"

namespace eddyline {

using NamedTensors = std::map<std::string, at::Tensor>;

/// What the first rank makes, on all ranks. The others wait: were all to make it, cores would work
/// on the same for as many ranks as share them.
inline NamedTensors made_by_first(Communicator const& world,
                                  std::function<NamedTensors()> const& make) {
  std::string text;
  world.together([&] {
    if (world.is_root()) {
      c10::Dict<std::string, at::Tensor> made;
      for (auto const& [name, tensor] : make()) {
        made.insert(name, tensor.detach());
      }
      auto const bytes = torch::jit::pickle_save(made);
      text.assign(bytes.begin(), bytes.end());
    }
  });
  text = world.broadcast(std::move(text));
  NamedTensors tensors;
  for (auto const& entry : torch::jit::pickle_load({text.begin(), text.end()}).toGenericDict()) {
    tensors[entry.key().toStringRef()] = entry.value().toTensor();
  }
  return tensors;
}

}  // namespace eddyline
