#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include <ATen/core/Tensor.h>

#include "data/field/decomposition.hpp"

namespace eddyline {

/// Cells by their numbers on D, H, W, every combination of them: in any order, some perhaps more
/// than once, at least one on each axis.
using CellNumbers = std::array<std::vector<int64_t>, 3>;

CellNumbers numbers_of(Box const& box);
/// The box that the cells are, if they follow each other on all axes.
std::optional<Box> as_box(CellNumbers const& cells);

/// Those cells of (…, D, H, W): a view where they follow each other.
at::Tensor take_cells(at::Tensor const& values, CellNumbers const& cells);
/// Those cells of something larger, (…, D, H, W), of which `read` gives a box: it is asked for each
/// cell once, for boxes as large as there are.
at::Tensor read_cells(CellNumbers const& cells, std::function<at::Tensor(Box const&)> const& read);

}  // namespace eddyline
