#pragma once

#include <array>
#include <vector>

#include <ATen/core/Tensor.h>

#include "surrogates/ifactformer/mix_layouts.hpp"
#include "surrogates/surrogate.hpp"

namespace eddyline {

/// What the heart of a block works on, in float32 (or all in float64). N = X·Y·Z cells, z fastest.
struct AxisMix {
  std::vector<at::Tensor> rows;       ///< (B, N, d) in each layout in which chains begin
  at::Tensor values;                  ///< (h·e, d): rows to the values of every head
  std::array<at::Tensor, 3> kernels;  ///< of x, y, z: (B, h, n, n), of whole axes
  at::Tensor output;                  ///< (d', h·3·e) of variant m, (d', h·e) of o
};

/// Factorised attention and the first layer behind it, y = W IN(K(V u)):
///   v = rows · valuesᵀ                                  (B, X, Y, Z, h, e)
///   m: y = [K_x v, K_y v, K_z v], columns (head, axis, e);   o: y = K_z K_y K_x v
///   (K_x v)[i, y, z] = Σ_j K_x[i, j] v[j, y, z], likewise for y and z
///   IN: each column of each sample less its mean, over √(variance + 1e-5), over all cells
///
/// The columns are wide (15 times the rows in the published size) and are never held: a head's
/// values, and of these one axis' product, live at a time, and the norm's factors go into the
/// output's weights. The backward pass makes them again, so that nothing but the arguments is kept.
/// Source: arXiv 2412.18840 (m); Li et al. 2023, "Scalable transformer for PDE surrogate modeling",
/// arXiv 2305.17560 (factorised kernels).
///
/// Of a sample that is split, rows come in whole lines of the axes that are divided, and what came
/// of them goes back; the norm's moments are added up over the ranks, head by head.
///
/// \param precision  bf16: products in bfloat16, sums over heads and axes and statistics in float32
/// \return           (B, N, d') on the block
at::Tensor mix_axes(AxisMix const& mix, MixLayouts const& layouts, Precision precision);

}  // namespace eddyline
