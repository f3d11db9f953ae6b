#pragma once

#include <ATen/core/Tensor.h>

#include "core/random.hpp"

namespace eddyline {

/// Optimiser step of the streams that initial weights are drawn from: no training gets there.
constexpr uint64_t kInitialStep = 0xE0D1E;

/// Inputs of one output, as PyTorch counts them: elements of a weight but for its first axis (of a
/// transposed convolution, too, though its first axis are inputs).
double fan_in(at::Tensor const& weight);
/// Fills `parameter` with numbers uniform on [−bound, bound), the same on every device.
void fill_symmetric(at::Tensor const& parameter, double bound, RandomKey const& key);
/// Fills `parameter` with normal numbers of that standard deviation.
void fill_gaussian(at::Tensor const& parameter, double deviation, RandomKey const& key);

}  // namespace eddyline
