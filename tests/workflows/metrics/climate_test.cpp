#include "workflows/metrics/climate.hpp"

#include <cmath>
#include <numeric>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/workflows/metrics/known_case.hpp"
#include "workflows/metrics/climax_scores.hpp"
#include "workflows/metrics/registry.hpp"

namespace eddyline {
namespace {

using testing_metrics::known_case;
using testing_metrics::part;

constexpr double kRoundOff = 1e-12;

Grid globe() {
  Axis longitude{.name = "longitude", .coordinates = std::vector<double>(8)};
  for (size_t i = 0; i < 8; ++i) {
    longitude.coordinates[i] = 45 * static_cast<double>(i);
  }
  return Grid({Axis{.name = "latitude", .coordinates = {80, 45, 10, -15, -40, -75}}, longitude},
              Geometry::lat_lon);
}

/// (B, C, H, W), as workflows/metrics/climax_scores.hpp takes them.
at::Tensor maps(at::Tensor const& values) {
  return values.squeeze(2);
}

/// Channel values of a metric that sees the samples one by one, dealt over the ranks.
std::vector<double> streamed(std::string const& name) {
  auto const world = Communicator::world();
  auto const metric = metric_entry(name).make(globe());
  for (int64_t sample = 0; sample < 3; ++sample) {
    if (sample % world.size() == world.rank()) {
      metric->update(part(known_case(), sample, sample + 1));
    }
  }
  return metric->result(world).at(name).channels;
}

void expect_equal(std::string const& name, at::Tensor const& expected) {
  auto const values = streamed(name);
  ASSERT_EQ(static_cast<int64_t>(values.size()), expected.numel()) << name;
  for (size_t c = 0; c < values.size(); ++c) {
    EXPECT_NEAR(values[c], expected[static_cast<int64_t>(c)].item<double>(), kRoundOff) << name;
  }
}

class ClimateMetrics : public testing::Test {
 protected:
  Comparison const whole_ = known_case();
  at::Tensor const p_ = maps(whole_.prediction), y_ = maps(whole_.target);
  at::Tensor const weights_ = cosine_weights(globe().axis(1).coordinates);
};

TEST_F(ClimateMetrics, EqualClimaxsScoresOfAllSamplesAtOnce) {
  expect_equal("mse.climax", squared_error(p_, y_, weights_).variables);
  expect_equal("rmse.climax", mean_of_roots(p_, y_, weights_));
  expect_equal("rmse_of_mean.climax", root_of_mean(p_, y_, weights_));
  EXPECT_LT(streamed("rmse.climax")[0], streamed("rmse_of_mean.climax")[0]);
}

TEST_F(ClimateMetrics, EqualClimateBenchsErrors) {
  auto const norm = (y_ * weights_.view({-1, 1})).mean({0, 2, 3}).abs();
  auto const expected = normalised_error(p_, y_, norm, weights_);
  expect_equal("nrmses.climatebench", expected.spatial);
  expect_equal("nrmseg.climatebench", expected.global);
  expect_equal("nrmse.climatebench", expected.total);
}

TEST_F(ClimateMetrics, CorrelateAnomaliesAsClimax) {
  expect_equal("acc.climax", anomaly_correlation(p_, y_, maps(whole_.climatology)[0], weights_));
}

TEST_F(ClimateMetrics, HaveNoCorrelationWithoutAClimatology) {
  auto without = whole_;
  without.climatology = at::Tensor();
  auto const metric = metric_entry("acc.climax").make(globe());
  metric->update(without);
  EXPECT_TRUE(std::isnan(metric->result(Communicator::self()).at("acc.climax").overall));
}

TEST_F(ClimateMetrics, AreUsualUnlessTheyKeepMapsOrNeedAClimatology) {
  auto const usual = usual_metric_names();
  auto const has = [&](char const* name) {
    return std::find(usual.begin(), usual.end(), name) != usual.end();
  };
  EXPECT_TRUE(has("rmse.climax"));
  EXPECT_FALSE(has("acc.climax"));
  EXPECT_FALSE(has("nrmse.climatebench"));
  EXPECT_EQ(usual.size() + 4, metric_names().size());
}

}  // namespace
}  // namespace eddyline
