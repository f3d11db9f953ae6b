#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/config.hpp"
#include "data/field/grid_part.hpp"

namespace eddyline {

/// The regions of the paper.
enum class RegionName {
  none,
  north_america,
  south_america,
  europe,
  south_asia,
  east_asia,
  australia,
  global
};
/// Upstream finds the box on the latitudes in reverse and applies it to the arrays as they are:
/// where latitudes ascend, its "Europe" lies south of the equator.
enum class RegionOrder { geographic, upstream };

template <>
struct EnumNames<RegionName> {
  static constexpr auto names = std::to_array<std::pair<RegionName, char const*>>(
      {{RegionName::none, "none"},
       {RegionName::north_america, "NorthAmerica"},
       {RegionName::south_america, "SouthAmerica"},
       {RegionName::europe, "Europe"},
       {RegionName::south_asia, "SouthAsia"},
       {RegionName::east_asia, "EastAsia"},
       {RegionName::australia, "Australia"},
       {RegionName::global, "Global"}});
};
template <>
struct EnumNames<RegionOrder> {
  static constexpr auto names = std::to_array<std::pair<RegionOrder, char const*>>(
      {{RegionOrder::geographic, "geographic"}, {RegionOrder::upstream, "upstream"}});
};

/// Degrees north and east. From `west` eastwards to `east`: 350 to 40 crosses 0°.
struct LatLonBox {
  double south = -90, north = 90, west = 0, east = 360;
};

/// \throw Error  for RegionName::none
LatLonBox box_of(RegionName name);

/// The patches of a grid that lie wholly inside a box: a rectangle of rows and columns.
struct Region {
  std::array<int64_t, 2> cells = {0, 0};  ///< of the grid, on H, W
  std::array<int64_t, 2> patch = {1, 1};  ///< cells on H, W
  std::vector<int64_t> rows, columns;     ///< of patches, as the output has them

  /// Row-major numbers of its patches on a grid with `grid_columns` columns of patches.
  std::vector<int64_t> patches(int64_t grid_columns) const;
  /// Cells of its rows, and of its columns.
  std::vector<int64_t> cell_rows() const;
  std::vector<int64_t> cell_columns() const;
  /// Its cells.
  GridPart part() const;
};

/// \param grid   latitude on H (either direction), longitude on W (ascending), in degrees
/// \param patch  cells on H, W; divide the grid
/// \throw Error  if the axes are others, or no patch lies inside
Region find_region(Grid const& grid,
                   LatLonBox const& box,
                   std::array<int64_t, 2> patch,
                   RegionOrder order);

}  // namespace eddyline
