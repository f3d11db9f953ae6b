#include "surrogates/ifactformer/coordinates.hpp"

#include <cmath>
#include <numbers>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace eddyline {
namespace {

constexpr double kPi = std::numbers::pi;

Axis axis(std::string const& name, std::vector<double> coordinates, Boundary boundary) {
  return {.name = name, .coordinates = std::move(coordinates), .boundaries = {boundary, boundary}};
}

/// A channel 4 × 2 × 1 whose y goes from -1 to 1 and is clustered at the walls.
Grid channel() {
  return Grid({axis("x", {10, 11, 12, 13}, Boundary::periodic),
               axis("y", {-1, -0.5, 0.5, 1}, Boundary::wall),
               axis("z", {0.5, 0}, Boundary::periodic)});
}

void expect_coordinates(at::Tensor const& got, std::vector<double> const& expected) {
  auto const wanted = at::tensor(expected, at::kDouble).to(at::kFloat);
  EXPECT_TRUE(at::allclose(got, wanted, 1e-6, 1e-6)) << got;
}

TEST(CoordinateMap, CountsTheGridsFromTheLowest) {
  auto const [x, y, z] = CoordinateMap({}, channel()).on(channel());
  expect_coordinates(x, {0, 1, 2, 3});
  expect_coordinates(y, {0, 0.5, 1.5, 2});
  expect_coordinates(z, {0.5, 0});  // the file's order stays
}

TEST(CoordinateMap, SpacesEvenlyAsPublishedWhereAsked) {
  IFactFormerConfig const config{.coordinates = IFactCoordinates::uniform};
  auto const [x, y, z] = CoordinateMap(config, channel()).on(channel());
  expect_coordinates(x, {0, 4.0 / 3, 8.0 / 3, 4});  // a period, both ends
  expect_coordinates(y, {0, 2.0 / 3, 4.0 / 3, 2});
  expect_coordinates(z, {0, 1});
}

TEST(CoordinateMap, ScalesTheTrainingGridToTheExtent) {
  IFactFormerConfig config{.extent = std::array<double, 3>{4 * kPi, 2, 4 * kPi / 3}};
  auto const [x, y, z] = CoordinateMap(config, channel()).on(channel());
  expect_coordinates(x, {0, kPi, 2 * kPi, 3 * kPi});
  expect_coordinates(y, {0, 0.5, 1.5, 2});
  expect_coordinates(z, {2 * kPi / 3, 0});
  config.coordinates = IFactCoordinates::uniform;
  expect_coordinates(CoordinateMap(config, channel()).on(channel())[0],
                     {0, 4 * kPi / 3, 8 * kPi / 3, 4 * kPi});
}

TEST(CoordinateMap, KeepsDistancesOnALargerGrid) {
  IFactFormerConfig const config{.extent = std::array<double, 3>{8, 1, 1}};
  CoordinateMap const map(config, channel());
  auto axes = channel().axes();
  axes[0].coordinates = {0, 1, 2, 3, 4, 5, 6, 7};
  auto const longer = Grid({axes[0], axes[1], axes[2]});
  expect_coordinates(map.on(longer)[0], {0, 2, 4, 6, 8, 10, 12, 14});
}

TEST(CoordinateMap, GivesMissingAxesZero) {
  auto const grid = Grid({axis("x", {3, 4, 6}, Boundary::wall)});
  for (auto const mode : {IFactCoordinates::grid, IFactCoordinates::uniform}) {
    IFactFormerConfig const config{.coordinates = mode, .extent = std::array<double, 3>{5, 5, 6}};
    auto const [d, h, w] = CoordinateMap(config, grid).on(grid);
    expect_coordinates(d, {0});
    expect_coordinates(h, {0});
    expect_coordinates(w.slice(0, 0, 1), {0});
    expect_coordinates(w.slice(0, 2, 3), {6});
  }
}

TEST(FourierFeatures, AreSineAndCosineOfEveryCellsPlace) {
  AxisCoordinates const places = {
      at::tensor({0.0F, 0.5F}), at::tensor({0.0F, 0.25F, 1.0F}), at::tensor({0.0F, 2.0F})};
  auto const directions = at::tensor({1.0F, 0.0F, 2.0F, 1.0F, 0.0F, 0.125F}).view({3, 2});
  auto const features = fourier_features(places, directions);
  ASSERT_EQ(features.sizes().vec(), (std::vector<int64_t>{12, 4}));
  // cell (1, 1, 1): x 0.5, y 0.25, z 2, row (1·3 + 1)·2 + 1 = 9
  auto const first = 2 * kPi * (0.5 * 1 + 0.25 * 2 + 2 * 0);
  auto const second = 2 * kPi * (0.5 * 0 + 0.25 * 1 + 2 * 0.125);
  auto const expected = at::tensor(
      {std::sin(first), std::sin(second), std::cos(first), std::cos(second)}, at::kDouble);
  EXPECT_TRUE(at::allclose(features[9].to(at::kDouble), expected, 1e-5, 1e-5)) << features[9];
}

TEST(Rotation, TurnsPairsOfTheHalves) {
  auto const turn = rotation(at::tensor({0.0F, 0.01F}), at::tensor({1.0F, 0.5F}));
  auto const turned = turn.apply(at::tensor({1.0F, 2.0F, 3.0F, 4.0F}).expand({2, 4}));
  EXPECT_TRUE(at::equal(turned[0], at::tensor({1.0F, 2.0F, 3.0F, 4.0F})));
  auto const c = std::cos(0.64), s = std::sin(0.64), c2 = std::cos(0.32), s2 = std::sin(0.32);
  auto const expected =
      at::tensor({c - 3 * s, 2 * c2 - 4 * s2, 3 * c + s, 4 * c2 + 2 * s2}, at::kDouble);
  EXPECT_TRUE(at::allclose(turned[1].to(at::kDouble), expected, 1e-5, 1e-6)) << turned[1];
}

TEST(Rotation, LeavesProductsOfEqualDistancesEqual) {
  auto const turn = rotation(at::tensor({0.0F, 0.1F, 0.2F, 0.3F}), at::tensor({1.0F, 0.1F}));
  auto const q = turn.apply(at::tensor({1.0F, 2.0F, -1.0F, 0.5F}).expand({4, 4}));
  auto const k = turn.apply(at::tensor({0.3F, 1.0F, 2.0F, -1.0F}).expand({4, 4}));
  auto const kernel = at::matmul(q, k.t());
  EXPECT_NEAR(kernel[0][1].item<double>(), kernel[2][3].item<double>(), 1e-5);
  EXPECT_NEAR(kernel[3][1].item<double>(), kernel[2][0].item<double>(), 1e-5);
}

}  // namespace
}  // namespace eddyline
