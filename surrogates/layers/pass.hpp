#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "data/sharding/sharding.hpp"
#include "surrogates/surrogate.hpp"

namespace eddyline {

/// Where the rows of a part of a tensor lie in the whole, for the keys of dropout masks.
struct RowPlaces {
  std::vector<int64_t> samples;  ///< global sample number of each row
  std::vector<int64_t> places;   ///< of each row among the rows of its sample
  /// Those of a whole row that are here, ascending, and how many it has; none: rows are whole.
  std::vector<int64_t> columns = {};
  int64_t length = 0;
};

/// What one forward pass carries to every layer.
struct Pass {
  Precision precision = Precision::fp32;
  bool training = false;         ///< dropout acts
  RandomKey random;              ///< seed and step; `layer` tells passes of one step apart
  std::vector<int64_t> samples;  ///< global sample numbers of the B rows: keys of dropout masks
  Activations activations = Activations::keep;  ///< of the blocks: recompute.hpp
  /// How the tokens (or cells) on three axes lie on the ranks that share a sample; none: whole.
  std::shared_ptr<Sharding const> sharding;
  /// Of the tokens of a sample that is split; none: rows of a tensor are whole samples.
  std::shared_ptr<RowPlaces const> places;
};

/// Zeroes each element with probability `p` while training and divides the rest by 1 − p, else
/// gives `x` back. The mask of sample b depends on (seed, step, site, samples[b]) only, so neither
/// the number of ranks nor the rest of the batch matters.
///
/// \param x     (B·m, …): the rows of a sample are neighbours, B = pass.samples.size(); with
///              pass.places anything whose elements are those rows one after another
/// \param site  number of this place in the network, below 2^20
at::Tensor drop(at::Tensor const& x, double p, uint64_t site, Pass const& pass);

}  // namespace eddyline
