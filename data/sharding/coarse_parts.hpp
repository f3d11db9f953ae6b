#pragma once

#include "data/sharding/sharding.hpp"

namespace eddyline {

/// How an axis of the grid lies on ranks at a coarser level, in patches or after strided
/// convolutions.
/// \param cells  of the finest level; null: the axis is whole
/// \param axis   0: D, 1: H, 2: W
/// \param own    length of this rank's piece at that level, a divisor of that in cells
AxisParts coarse_parts(Sharding const* cells, size_t axis, int64_t own);

}  // namespace eddyline
