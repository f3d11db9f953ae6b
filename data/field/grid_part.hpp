#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "data/field/grid.hpp"

namespace eddyline {

/// Rows (axis H) and columns (axis W) of a grid, as a region of the Earth has them: in the order of
/// the part, which may cross the first column.
struct GridPart {
  std::array<int64_t, 2> cells = {0, 0};  ///< on H, W of the whole grid
  std::vector<int64_t> rows, columns;     ///< not empty

  /// The cells of the part: (…, H, W) → (…, h, w); a view where they follow each other.
  at::Tensor crop(at::Tensor const& values) const;
  /// The grid of the part: (D, h, w). Longitudes ascend, also across 0° (from negative ones).
  Grid crop(Grid const& grid) const;
};

}  // namespace eddyline
