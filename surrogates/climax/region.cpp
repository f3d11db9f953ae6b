#include "surrogates/climax/region.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "core/error.hpp"

namespace eddyline {
namespace {

constexpr double kTurn = 360;
constexpr double kRoundOff = 1e-6;  // degrees: float32 coordinates keep this much near 0

/// Degrees from `west` eastwards, in [0, 360).
double degrees_east(double longitude, double west) {
  auto const offset = std::fmod(std::fmod(longitude - west, kTurn) + kTurn, kTurn);
  return offset > kTurn - kRoundOff ? 0 : offset;
}

std::vector<int64_t> whole_patches(int64_t cells,
                                   int64_t patch,
                                   std::function<bool(int64_t)> const& is_inside) {
  std::vector<int64_t> found;
  for (int64_t p = 0; p < cells / patch; ++p) {
    bool inside = true;
    for (int64_t i = p * patch; i < (p + 1) * patch; ++i) {
      inside = inside && is_inside(i);
    }
    if (inside) {
      found.push_back(p);
    }
  }
  return found;
}

std::vector<int64_t> cells_of(std::vector<int64_t> const& patches, int64_t patch) {
  std::vector<int64_t> cells;
  for (auto const p : patches) {
    for (int64_t i = 0; i < patch; ++i) {
      cells.push_back(p * patch + i);
    }
  }
  return cells;
}

void check(Grid const& grid) {
  auto const& latitude = grid.axis(1);
  auto const& longitude = grid.axis(2);
  require(latitude.name.starts_with("lat") && longitude.name.starts_with("lon"),
          "a region needs latitude on axis H and longitude on axis W; the grid is ",
          grid.describe());
  require(std::is_sorted(longitude.coordinates.begin(), longitude.coordinates.end()),
          "a region needs longitudes that ascend; the grid is ",
          grid.describe());
}

}  // namespace

LatLonBox box_of(RegionName name) {
  switch (name) {
    case RegionName::north_america:
      return {.south = 15, .north = 65, .west = 220, .east = 300};
    case RegionName::south_america:
      return {.south = -55, .north = 20, .west = 270, .east = 330};
    case RegionName::europe:
      return {.south = 30, .north = 65, .west = 0, .east = 40};
    case RegionName::south_asia:
      return {.south = -15, .north = 45, .west = 25, .east = 110};
    case RegionName::east_asia:
      return {.south = 5, .north = 65, .west = 70, .east = 150};
    case RegionName::australia:
      return {.south = -50, .north = 10, .west = 100, .east = 180};
    case RegionName::global:
      return {};
    case RegionName::none:
      break;
  }
  throw Error("no region is named; set model.region=Europe or another of the paper's");
}

std::vector<int64_t> Region::patches(int64_t grid_columns) const {
  std::vector<int64_t> numbers;
  for (auto const row : rows) {
    for (auto const column : columns) {
      numbers.push_back(row * grid_columns + column);
    }
  }
  return numbers;
}

std::vector<int64_t> Region::cell_rows() const {
  return cells_of(rows, patch[0]);
}

std::vector<int64_t> Region::cell_columns() const {
  return cells_of(columns, patch[1]);
}

GridPart Region::part() const {
  return {.cells = cells, .rows = cell_rows(), .columns = cell_columns()};
}

Region find_region(Grid const& grid,
                   LatLonBox const& box,
                   std::array<int64_t, 2> patch,
                   RegionOrder order) {
  check(grid);
  auto latitudes = grid.axis(1).coordinates;
  if (order == RegionOrder::upstream) {
    std::reverse(latitudes.begin(), latitudes.end());
  }
  auto const& longitudes = grid.axis(2).coordinates;
  auto const width = box.east - box.west >= kTurn ? kTurn : degrees_east(box.east, box.west);
  auto const offset = [&](int64_t i) {
    return degrees_east(longitudes[static_cast<size_t>(i)], box.west);
  };
  Region region{.cells = {grid.axis(1).size(), grid.axis(2).size()}, .patch = patch};
  region.rows = whole_patches(grid.axis(1).size(), patch[0], [&](int64_t i) {
    auto const latitude = latitudes[static_cast<size_t>(i)];
    return latitude >= box.south && latitude <= box.north;
  });
  region.columns = whole_patches(
      grid.axis(2).size(), patch[1], [&](int64_t i) { return offset(i) <= width + kRoundOff; });
  require(!region.rows.empty() && !region.columns.empty(),
          "no patch of ",
          patch[0],
          " x ",
          patch[1],
          " cells lies wholly inside latitudes ",
          box.south,
          " to ",
          box.north,
          " and longitudes ",
          box.west,
          " to ",
          box.east,
          "; the grid is ",
          grid.describe(),
          "; take a larger region, finer data or a smaller patch");
  if (width < kTurn) {  // from west to east, also where the box crosses the first column
    std::sort(region.columns.begin(), region.columns.end(), [&](int64_t a, int64_t b) {
      return offset(a * patch[1]) < offset(b * patch[1]);
    });
  }
  return region;
}

}  // namespace eddyline
