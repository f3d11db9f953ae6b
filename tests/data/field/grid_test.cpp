#include "data/field/grid.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <numbers>
#include <numeric>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

constexpr double kTolerance = 1e-12;  // float64 sums of order 1

Axis points(std::string const& name,
            std::vector<double> coordinates,
            std::string const& units = "") {
  return {.name = name, .coordinates = std::move(coordinates), .units = units};
}

/// n cell centres that share [low, high].
std::vector<double> centres(int n, double low, double high) {
  std::vector<double> x;
  for (int i = 0; i < n; ++i) {
    x.push_back(low + (high - low) * (i + 0.5) / n);
  }
  return x;
}

double sum(std::vector<double> const& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

TEST(Grid, MissingAxesComeFirst) {
  Grid const grid({points("x", {0, 1, 2}), points("y", {0, 1})});
  EXPECT_EQ(grid.shape(), (std::array<int64_t, 3>{1, 3, 2}));
  EXPECT_EQ(grid.dimensions(), 2);
  EXPECT_EQ(grid.axis(0).name, "");
  EXPECT_EQ(grid.axis(2).name, "y");
}

TEST(Grid, RefusesAFourthAxisAndAnEmptyOne) {
  EXPECT_THROW(Grid({points("a", {0}), points("b", {0}), points("c", {0}), points("d", {0})}),
               Error);
  EXPECT_THROW(Grid({points("x", {})}), Error);
}

TEST(Axis, IsUniformToTheRoundOffOfFloat32Coordinates) {
  Axis const x = points("x", {0, 0.1F, 0.2F, 0.3F});
  EXPECT_TRUE(x.is_uniform());
  EXPECT_NEAR(x.spacing(), 0.1, 1e-7);
  EXPECT_FALSE(points("y", {0, 1, 3}).is_uniform());
  EXPECT_LT(points("latitude", {60, 59, 58}).spacing(), 0);
}

TEST(Axis, CellLengthsComeFromMidpointsOrFromEdges) {
  Axis y = points("y", {0, 1, 3});
  EXPECT_EQ(y.cell_lengths(), (std::vector<double>{1, 1.5, 2}));
  y.edges = {0, 0.5, 2, 3};
  EXPECT_EQ(y.cell_lengths(), (std::vector<double>{0.5, 1.5, 1}));
}

TEST(Grid, UniformCartesianCellsWeighTheSame) {
  EXPECT_TRUE(Grid({points("x", {0, 0.25, 0.5}), points("y", {1, 2})}).has_equal_cells());
  EXPECT_FALSE(Grid({points("y", {0, 1, 3})}).has_equal_cells());
}

TEST(Grid, LatitudesWeighByTheirShareOfTheSphere) {
  Grid const grid({points("latitude", {67.5, 22.5, -22.5, -67.5}, "degrees_north"),
                   points("longitude", {0, 90, 180, 270}, "degrees_east")},
                  Geometry::lat_lon);
  auto const weights = grid.cell_weights()[1];
  EXPECT_NEAR(weights[0], 1 - std::sin(std::numbers::pi / 4), kTolerance);
  EXPECT_NEAR(sum(weights), 2, kTolerance) << "the integral of cos over all latitudes";
}

TEST(Grid, LatitudesAtThePolesStopThere) {
  Grid const grid({points("latitude", {90, 0, -90}, "degrees_north"),
                   points("longitude", {0, 180}, "degrees_east")},
                  Geometry::lat_lon);
  EXPECT_NEAR(sum(grid.cell_weights()[1]), 2, kTolerance);
}

TEST(Grid, ColatitudesWeighByTheirSine) {
  auto const theta = centres(16, 0, std::numbers::pi);
  Grid const grid({points("theta", theta), points("phi", centres(8, 0, 2 * std::numbers::pi))},
                  Geometry::spherical);
  auto const weights = grid.cell_weights()[1];
  EXPECT_NEAR(sum(weights), 2, kTolerance);
  EXPECT_NEAR(weights[3] / weights[7], std::sin(theta[3]) / std::sin(theta[7]), kTolerance);
}

TEST(Grid, RadiiWeighByTheirShells) {
  auto const whole = [](std::string const& name, double low, double high) {
    return sum(
        Grid({points(name, centres(50, low, high)), points("theta", {1}), points("phi", {0})},
             Geometry::spherical)
            .cell_weights()[0]);
  };
  EXPECT_NEAR(whole("r", 1, 2), 7.0 / 3, kTolerance);
  EXPECT_NEAR(whole("log_r", 0, std::log(2.0)), 7.0 / 3, kTolerance);
}

TEST(Grid, APieceOfAPeriodicAxisIsOpen) {
  Axis x = points("x", {0, 1, 2, 3});
  x.boundaries = {Boundary::periodic, Boundary::periodic};
  Axis y = points("y", {0, 1, 2});
  y.boundaries = {Boundary::wall, Boundary::open};
  y.edges = {0, 0.5, 1.5, 2};
  auto const part = Grid({x, y}).crop({0, 1, 0}, {1, 2, 2});
  EXPECT_EQ(part.axis(1).coordinates, (std::vector<double>{1, 2}));
  EXPECT_EQ(part.axis(1).boundaries[0], Boundary::open);
  EXPECT_EQ(part.axis(2).boundaries, (std::array{Boundary::wall, Boundary::open}));
  EXPECT_EQ(part.axis(2).edges, (std::vector<double>{0, 0.5, 1.5}));
}

TEST(Grid, ReadsWhatItWrites) {
  EXPECT_EQ(parse_boundary(to_string(Boundary::periodic)), Boundary::periodic);
  EXPECT_EQ(parse_geometry(to_string(Geometry::lat_lon)), Geometry::lat_lon);
  EXPECT_THROW(parse_boundary("periodc"), Error);
  EXPECT_THROW(parse_geometry("flat"), Error);
}

TEST(Grid, DescribesItsAxesInWords) {
  Axis x = points("x", {0, 1, 2}, "m");
  x.boundaries = {Boundary::periodic, Boundary::periodic};
  Axis y = points("y", {0, 1, 4});
  y.boundaries = {Boundary::wall, Boundary::open};
  EXPECT_EQ(Grid({x, y}).describe(),
            "cartesian: x 3 (0 … 2 m, periodic), y 3 (0 … 4, stretched, wall to open)");
}

}  // namespace
}  // namespace eddyline
