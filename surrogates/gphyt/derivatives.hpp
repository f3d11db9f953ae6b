#pragma once

#include <ATen/core/Tensor.h>

#include "data/sharding/sharding.hpp"
#include "surrogates/gphyt/config.hpp"

namespace eddyline {

/// Differences of the two neighbours of every cell, x[i+1] − x[i−1], along time, H and W: not
/// divided by the distance. At both ends the missing neighbour is the cell itself (one-sided), on
/// periodic axes as well, as upstream has it. Along an axis of length 1 they are zero.
///
/// They carry no gradient, whatever x does: upstream computes them outside of its graph. In float32
/// at least; with GphytDifferences::bf16 of cells rounded to bfloat16, rounded again.
///
/// \param x      (B, T, F, H, W)
/// \param sharding  how H and W lie on ranks, neighbours then being those of the whole axis; null:
///               they are whole
/// \return       (B, T, 3F, H, W): F channels of d_t, of d_h, of d_w
at::Tensor differences(at::Tensor const& x,
                       GphytDifferences precision,
                       Sharding const* sharding = nullptr);
/// Those in time alone, in the type of x: (B, T, F, H, W), as many.
at::Tensor time_differences(at::Tensor const& x);

}  // namespace eddyline
