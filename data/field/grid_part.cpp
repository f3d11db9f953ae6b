#include "data/field/grid_part.hpp"

#include <algorithm>

#include <ATen/ATen.h>

#include "core/entries.hpp"
#include "core/error.hpp"
#include "data/field/cell_numbers.hpp"

namespace eddyline {
namespace {

constexpr double kTurn = 360;

Axis take(Axis const& axis, std::vector<int64_t> const& cells) {
  auto part = axis;
  part.coordinates.clear();
  part.edges.clear();
  auto const n = static_cast<int64_t>(cells.size());
  for (int64_t i = 0; i < n; ++i) {
    part.coordinates.push_back(
        axis.coordinates[static_cast<size_t>(cells[static_cast<size_t>(i)])]);
  }
  if (!axis.edges.empty() && is_run(cells)) {
    part.edges.assign(axis.edges.begin() + cells.front(), axis.edges.begin() + cells.back() + 2);
  }
  if (n < axis.size()) {
    part.boundaries = {Boundary::open, Boundary::open};
  }
  return part;
}

}  // namespace

at::Tensor GridPart::crop(at::Tensor const& values) const {
  auto const h = values.dim() - 2;
  EDDYLINE_ENSURE(values.size(h) == cells[0] && values.size(h + 1) == cells[1],
                  "a part of ",
                  cells[0],
                  " x ",
                  cells[1],
                  " cells, values of ",
                  values.sizes().vec());
  return take_entries(take_entries(values, h, rows), h + 1, columns);
}

Grid GridPart::crop(Grid const& grid) const {
  auto part_columns = take(grid.axis(2), columns);
  if (grid.geometry() == Geometry::lat_lon) {
    auto& x = part_columns.coordinates;
    for (size_t i = x.size() - 1; i > 0; --i) {
      while (x[i - 1] > x[i]) {
        x[i - 1] -= kTurn;
      }
    }
  }
  std::vector<Axis> axes = {take(grid.axis(1), rows), part_columns};
  if (grid.dimensions() == 3) {
    axes.insert(axes.begin(), grid.axis(0));
  }
  return Grid(std::move(axes), grid.geometry());
}

}  // namespace eddyline
