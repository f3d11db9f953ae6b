#pragma once

#include <torch/csrc/jit/api/module.h>
#include <torch/nn/module.h>

namespace eddyline {

/// Registers parameters and buffers of a TorchScript module, and those of its parts, in a module
/// that is made of the same tensors: `a.b.weight` there is `a.b.weight` here, and what an optimiser
/// does to one is done to both. A tensor that stands at several places is registered at its first.
/// \throw Error  if there is no parameter, or one that is not float32; the message names it
void adopt(torch::nn::Module& into, torch::jit::Module const& from);

}  // namespace eddyline
