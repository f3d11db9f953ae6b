#pragma once

#include <torch/nn/module.h>

namespace eddyline {

/// Gives `to` its own copies of the parameters and buffers of `from`, in their type and on their
/// device, without gradients. Both are made from the same configuration.
void copy_values(torch::nn::Module const& from, torch::nn::Module& to);

}  // namespace eddyline
