#include "workflows/metrics/climax_scores.hpp"

#include <cmath>
#include <numbers>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace eddyline {
namespace {

constexpr double kRoundOff = 1e-12;

at::Tensor maps(std::vector<double> const& values, std::vector<int64_t> const& shape) {
  return at::tensor(values, at::kDouble).view(shape);
}

TEST(CosineWeights, HaveMeanOne) {
  auto const weights = cosine_weights({-60, 0, 60});
  EXPECT_NEAR(weights[0].item<double>(), 0.75, kRoundOff);
  EXPECT_NEAR(weights[1].item<double>(), 1.5, kRoundOff);
}

TEST(AreaWeights, ComeFromTheBoundsWhereTheDataGiveThem) {
  Axis latitude{.name = "latitude", .coordinates = {-60, 0, 60}, .units = "degrees_north"};
  Axis const longitude{.name = "longitude", .coordinates = {0, 180}, .units = "degrees_east"};
  latitude.edges = {-90, -30, 30, 90};
  auto const weights = area_weights(Grid({latitude, longitude}, Geometry::lat_lon));
  EXPECT_NEAR(weights[0].item<double>(), 0.75, kRoundOff);  // sin 90° - sin 30° of a mean of 2/3
  EXPECT_NEAR(weights[1].item<double>(), 1.5, kRoundOff);
  latitude.edges = {-90, -50, 50, 90};
  EXPECT_LT(area_weights(Grid({latitude, longitude}, Geometry::lat_lon))[0].item<double>(), 0.4);
}

TEST(SquaredError, WeighsRowsAndAveragesVariables) {
  auto const target = at::zeros({1, 2, 2, 1}, at::kDouble);
  auto const prediction = maps({1, 2, 3, 0}, {1, 2, 2, 1});
  auto const error = squared_error(prediction, target, at::tensor({0.5, 1.5}));
  EXPECT_NEAR(error.variables[0].item<double>(), (0.5 * 1 + 1.5 * 4) / 2, kRoundOff);
  EXPECT_NEAR(error.variables[1].item<double>(), 0.5 * 9 / 2, kRoundOff);
  EXPECT_NEAR(error.loss.item<double>(), error.variables.mean().item<double>(), kRoundOff);
  EXPECT_NEAR(squared_error(prediction, target).loss.item<double>(), 14.0 / 4, kRoundOff);
}

TEST(SquaredError, CountsWhatTheMaskLetsCount) {
  auto const target = at::zeros({1, 2, 2, 1}, at::kDouble);
  auto const prediction = maps({1, 2, 3, 100}, {1, 2, 2, 1});
  auto const mask = maps({1, 1, 1, 0}, {1, 2, 2, 1});
  auto const error = squared_error(prediction, target, {}, mask);
  EXPECT_NEAR(error.variables[1].item<double>(), 9, kRoundOff);
  EXPECT_NEAR(error.loss.item<double>(), 14.0 / 3, kRoundOff);
}

TEST(Rmse, TheMeanOfRootsAndTheRootOfTheMeanDiffer) {
  auto const target = at::zeros({2, 1, 1, 1}, at::kDouble);
  auto const prediction = maps({3, 4}, {2, 1, 1, 1});
  EXPECT_NEAR(mean_of_roots(prediction, target).item<double>(), 3.5, kRoundOff);
  EXPECT_NEAR(root_of_mean(prediction, target).item<double>(), std::sqrt(12.5), kRoundOff);
}

TEST(AnomalyCorrelation, IsOneForTheTruthAndItsMultiples) {
  auto const climatology = maps({1, 2, 3}, {1, 3, 1});
  auto const target = maps({2, 2, 5, 1, 4, 4}, {2, 1, 3, 1});
  auto const weights = cosine_weights({-45, 0, 45});
  EXPECT_NEAR(anomaly_correlation(target, target, climatology, weights).item<double>(), 1, 1e-12);
  auto const opposite = climatology - (target - climatology) * 2;
  EXPECT_NEAR(
      anomaly_correlation(opposite, target, climatology, weights).item<double>(), -1, 1e-12);
  EXPECT_NEAR(
      anomaly_correlation(target + 7, target, climatology, weights).item<double>(), 1, 1e-12)
      << "the mean is taken off";
}

TEST(NormalisedError, TellsErrorsInSpaceFromErrorsOfTheMean) {
  auto const target = at::zeros({2, 1, 2, 1}, at::kDouble);
  auto const prediction = maps({1, -1, 1, -1}, {2, 1, 2, 1});
  auto const norm = at::scalar_tensor(2, at::kDouble);
  auto const space = normalised_error(prediction, target, norm);
  EXPECT_NEAR(space.spatial.item<double>(), 0.5, kRoundOff);
  EXPECT_NEAR(space.global.item<double>(), 0, kRoundOff);
  auto const time = normalised_error(maps({1, 1, -1, -1}, {2, 1, 2, 1}), target, norm);
  EXPECT_NEAR(time.spatial.item<double>(), 0, kRoundOff);
  EXPECT_NEAR(time.global.item<double>(), 0.5, kRoundOff);
  EXPECT_NEAR(time.total.item<double>(), 2.5, kRoundOff);
}

}  // namespace
}  // namespace eddyline
