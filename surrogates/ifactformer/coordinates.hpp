#pragma once

#include <array>

#include <ATen/core/Tensor.h>

#include "data/field/decomposition.hpp"
#include "data/field/grid.hpp"
#include "surrogates/ifactformer/config.hpp"

namespace eddyline {

/// One coordinate (n_a) of the cells on each axis x, y, z (D, H, W of a Batch), float32.
using AxisCoordinates = std::array<at::Tensor, 3>;

/// Makes the network's coordinates of a grid. On each axis, with s = extent/length of the training
/// grid, or 1 without extent (or on an axis of length 0):
///   grid      s · (coordinate − the lowest)
///   uniform   n equal steps from 0 to s · length, both ends included
/// where the length is that of a period, or the distance of the outer cells. The scale is the
/// training grid's on every grid, so that equal distances stay equal.
class CoordinateMap {
 public:
  CoordinateMap(IFactFormerConfig const& config, Grid const& training);
  AxisCoordinates on(Grid const& grid) const;

 private:
  IFactCoordinates mode_;
  std::array<double, 3> scale_{1, 1, 1};
};

/// Those of the cells in a box.
AxisCoordinates part_of(AxisCoordinates const& whole, Box const& box);

/// γ(r) = [sin 2π r·B, cos 2π r·B] of every cell, in the order x, y, z with z fastest: (N, 2 m).
/// Its arguments reach hundreds of radians, where float32 has few digits left, so the order of
/// operations is the reference's: the product with B first.
/// Source: Tancik et al. 2020, "Fourier features let networks learn high frequency functions".
///
/// \param directions  B (3, m)
at::Tensor fourier_features(AxisCoordinates const& coordinates, at::Tensor const& directions);

/// Cosine and sine of the angles by which queries and keys of one axis are turned: (n, 2 m), the
/// angles of the m pairs once for each half.
struct Rotation {
  at::Tensor cosine, sine;

  /// Turns pairs (component i of the first half, of the second): (…, n, 2 m), as many.
  at::Tensor apply(at::Tensor const& vectors) const;
};

/// angle = 64 · coordinate · frequency.
/// Source: Su et al. 2021, "RoFormer", arXiv 2104.09864; the factor makes the smallest distance
/// that matters, 1/64, one unit.
Rotation rotation(at::Tensor const& coordinate, at::Tensor const& frequencies);

}  // namespace eddyline
