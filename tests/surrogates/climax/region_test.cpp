#include "surrogates/climax/region.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

enum class North { last, first };

/// 12 × 24 cells of 15°.
Grid globe(North north, double first_longitude = 0) {
  Axis latitude{.name = "latitude", .coordinates = {}, .units = "degrees_north"};
  Axis longitude{.name = "longitude", .coordinates = {}, .units = "degrees_east"};
  longitude.boundaries = {Boundary::periodic, Boundary::periodic};
  for (int i = 0; i < 12; ++i) {
    latitude.coordinates.push_back(north == North::last ? -82.5 + 15 * i : 82.5 - 15 * i);
  }
  for (int i = 0; i < 24; ++i) {
    longitude.coordinates.push_back(first_longitude + 15 * i);
  }
  return Grid({latitude, longitude}, Geometry::lat_lon);
}

std::string message_of(Grid const& grid, LatLonBox const& box) {
  try {
    find_region(grid, box, {2, 2}, RegionOrder::geographic);
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

TEST(Region, KeepsPatchesThatLieWhollyInside) {
  // Rows 7.5 … 67.5 °N are 6 … 10, of which 6-7 and 8-9 are patches; columns 15 … 60 are 1 … 4.
  auto const region =
      find_region(globe(North::last), {0, 70, 10, 60}, {2, 2}, RegionOrder::geographic);
  EXPECT_EQ(region.rows, (std::vector<int64_t>{3, 4}));
  EXPECT_EQ(region.columns, (std::vector<int64_t>{1}));
  EXPECT_EQ(region.patches(12), (std::vector<int64_t>{37, 49}));
  EXPECT_EQ(region.cell_rows(), (std::vector<int64_t>{6, 7, 8, 9}));
}

TEST(Region, LimitsAreInclusive) {
  auto const region =
      find_region(globe(North::last), {7.5, 22.5, 30, 45}, {2, 2}, RegionOrder::geographic);
  EXPECT_EQ(region.patches(12), (std::vector<int64_t>{37}));
}

TEST(Region, IsTheSamePlaceWhicheverWayLatitudesRun) {
  LatLonBox const box{0, 70, 10, 60};
  auto const north = globe(North::first);
  auto const region = find_region(north, box, {2, 2}, RegionOrder::geographic);
  EXPECT_EQ(region.part().crop(north).axis(1).coordinates,
            (std::vector<double>{52.5, 37.5, 22.5, 7.5}));
}

TEST(Region, UpstreamsOrderIsItsMirrorImage) {
  LatLonBox const box{0, 70, 10, 60};
  auto const south = globe(North::last);
  auto const region = find_region(south, box, {2, 2}, RegionOrder::upstream);
  EXPECT_EQ(region.part().crop(south).axis(1).coordinates,
            (std::vector<double>{-52.5, -37.5, -22.5, -7.5}));
}

TEST(Region, CrossesTheFirstLongitude) {
  auto const grid = globe(North::last);
  auto const region = find_region(grid, {0, 40, 330, 45}, {2, 2}, RegionOrder::geographic);
  EXPECT_EQ(region.columns, (std::vector<int64_t>{11, 0, 1}));
  auto const part = region.part().crop(grid);
  EXPECT_EQ(part.axis(2).coordinates, (std::vector<double>{-30, -15, 0, 15, 30, 45}));
  EXPECT_FALSE(part.axis(2).is_periodic());
  auto const values = at::arange(24, at::kFloat).expand({1, 12, 24});
  EXPECT_TRUE(
      at::equal(region.part().crop(values)[0][0], at::tensor({22, 23, 0, 1, 2, 3}, at::kFloat)));
}

TEST(Region, KnowsLongitudesBelowZero) {
  auto const grid = globe(North::last, -180);
  auto const region = find_region(grid, {0, 40, 330, 45}, {2, 2}, RegionOrder::geographic);
  EXPECT_EQ(region.part().crop(grid).axis(2).coordinates,
            (std::vector<double>{-30, -15, 0, 15, 30, 45}));
  auto const all = find_region(grid, box_of(RegionName::global), {2, 2}, RegionOrder::geographic);
  EXPECT_TRUE(all.part().crop(grid) == grid);
}

TEST(Region, KeepsTheBoundsOfItsCells) {
  auto const source = globe(North::last);
  auto axes = source.axes();
  for (int i = 0; i <= 12; ++i) {
    axes[1].edges.push_back(-90 + 15 * i);
  }
  Grid const grid({axes[1], axes[2]}, Geometry::lat_lon);
  auto const region = find_region(grid, {0, 40, 30, 45}, {2, 2}, RegionOrder::geographic);
  EXPECT_EQ(region.part().crop(grid).axis(1).edges, (std::vector<double>{0, 15, 30}));
}

TEST(Region, SaysWhatItCannotFind) {
  EXPECT_THAT(message_of(globe(North::last), {0, 10, 0, 360}),
              HasSubstr("no patch of 2 x 2 cells lies wholly inside latitudes 0 to 10"));
  Axis const x{.name = "x", .coordinates = {0, 1}}, y{.name = "y", .coordinates = {0, 1}};
  EXPECT_THAT(message_of(Grid({x, y}), {}),
              HasSubstr("a region needs latitude on axis H and longitude on axis W"));
  auto axes = globe(North::last).axes();
  std::reverse(axes[2].coordinates.begin(), axes[2].coordinates.end());
  EXPECT_THAT(message_of(Grid({axes[1], axes[2]}), {}),
              HasSubstr("a region needs longitudes that ascend"));
  EXPECT_THROW(box_of(RegionName::none), Error);
}

}  // namespace
}  // namespace eddyline
