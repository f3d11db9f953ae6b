#pragma once

#include "data/field/grid.hpp"

namespace eddyline {

/// Refuses a file whose grid is not that of the first: names, sizes or coordinates (to 1e-3 of a
/// cell) of an axis. \throw Error  saying which differs
void check_same_grid(Grid const& first, Grid const& next);

}  // namespace eddyline
