#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "core/random.hpp"
#include "data/field/decomposition.hpp"

namespace eddyline {

/// What fill_normal gives the cells of a block when it fills the whole grid: the noise of a sample
/// does not depend on how it is split, and no rank draws more than its own.
/// \param out      (N, …, D, H, W) float32 of the block's cells, contiguous
/// \param indices  row n is of the stream of indices[n]
void fill_normal(at::Tensor const& out,
                 RandomKey const& key,
                 std::vector<int64_t> const& indices,
                 Block const& block);

}  // namespace eddyline
