#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "surrogates/surrogate.hpp"

namespace eddyline {

/// What one forward pass carries to every layer.
struct Pass {
  Precision precision = Precision::fp32;
  bool training = false;         ///< dropout acts
  RandomKey random;              ///< seed and step; `layer` tells passes of one step apart
  std::vector<int64_t> samples;  ///< global sample numbers of the B rows: keys of dropout masks
  Activations activations = Activations::keep;  ///< of the blocks: recompute.hpp
};

/// Zeroes each element with probability `p` while training and divides the rest by 1 − p, else
/// gives `x` back. The mask of sample b depends on (seed, step, site, samples[b]) only, so neither
/// the number of ranks nor the rest of the batch matters.
///
/// \param x     (B·m, …): the rows of a sample are neighbours, B = pass.samples.size()
/// \param site  number of this place in the network, below 2^20
at::Tensor drop(at::Tensor const& x, double p, uint64_t site, Pass const& pass);

}  // namespace eddyline
