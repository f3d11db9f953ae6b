#include "data/field/grid_part.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/message_of.hpp"

namespace eddyline {
namespace {

/// 4 × 6 cells, whole circles of longitude.
Grid globe() {
  Axis latitude{.name = "latitude", .coordinates = {-60, -20, 20, 60}};
  latitude.edges = {-80, -40, 0, 40, 80};
  Axis longitude{.name = "longitude", .coordinates = {0, 60, 120, 180, 240, 300}};
  longitude.boundaries = {Boundary::periodic, Boundary::periodic};
  return Grid({latitude, longitude}, Geometry::lat_lon);
}

GridPart part(std::vector<int64_t> columns) {
  return {.cells = {4, 6}, .rows = {1, 2}, .columns = std::move(columns)};
}

TEST(GridPart, CropsGridAndValuesToTheSameCells) {
  auto const cropped = part({2, 3, 4}).crop(globe());
  EXPECT_EQ(cropped.shape(), (std::array<int64_t, 3>{1, 2, 3}));
  EXPECT_EQ(cropped.axis(1).coordinates, (std::vector<double>{-20, 20}));
  EXPECT_EQ(cropped.axis(1).edges, (std::vector<double>{-40, 0, 40}));
  EXPECT_EQ(cropped.axis(2).coordinates, (std::vector<double>{120, 180, 240}));
  EXPECT_FALSE(cropped.axis(2).is_periodic());
  EXPECT_EQ(cropped.geometry(), Geometry::lat_lon);
  auto const values = at::arange(24, at::kFloat).view({1, 1, 4, 6});
  EXPECT_TRUE(at::equal(part({2, 3, 4}).crop(values)[0][0],
                        at::tensor({8, 9, 10, 14, 15, 16}, at::kFloat).view({2, 3})));
}

TEST(GridPart, GoesOnBeyondTheLastColumn) {
  auto const across = part({5, 0, 1});
  EXPECT_EQ(across.crop(globe()).axis(2).coordinates, (std::vector<double>{-60, 0, 60}));
  auto const values = at::arange(24, at::kFloat).view({4, 6});
  EXPECT_TRUE(at::equal(across.crop(values)[0], at::tensor({11, 6, 7}, at::kFloat)));
}

TEST(GridPart, RefusesValuesOfAnotherGrid) {
  EXPECT_NE(message_of([&] {
              part({0}).crop(at::zeros({2, 4, 5}));
            }).find("4 x 6 cells"),
            std::string::npos);
}

}  // namespace
}  // namespace eddyline
