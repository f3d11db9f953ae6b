#pragma once

#include <array>
#include <cstdint>

#include <ATen/core/Tensor.h>

namespace eddyline {

/// Sines, then cosines of p ω_k, ω_k = 10000^(−2k/dim), for p = 0 … count − 1: (count, dim)
/// float32, made in float64. `dim` is even. Source: Vaswani et al. 2017, "Attention is all you
/// need", arXiv 1706.03762, section 3.5.
at::Tensor sine_table(int64_t count, int64_t dim);
/// The first half of the features tells the column, the second the row: (rows·columns, dim),
/// row-major. `dim` is a multiple of 4.
at::Tensor sine_table(std::array<int64_t, 2> patches, int64_t dim);

/// A table of positions for another grid: bicubic (a = −0.75), cell centres aligned, no filter.
/// \param table  (1, rows·columns of `from`, D), row-major
/// \return       (1, rows·columns of `to`, D); the table itself where the grids agree
at::Tensor resample_positions(at::Tensor const& table,
                              std::array<int64_t, 2> from,
                              std::array<int64_t, 2> to);

}  // namespace eddyline
