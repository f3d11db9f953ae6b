#include "workflows/metrics/gphyt.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "tests/workflows/metrics/known_case.hpp"
#include "workflows/metrics/registry.hpp"

namespace eddyline {
namespace {

using testing_metrics::known_case;
using testing_metrics::part;

constexpr double kRoundOff = 1e-12;

/// Two samples of two channels on two cells, small enough for a head.
///   sample 0: y = (1, 3), (0, 2)   p - y = (1, 1), (0, 2)
///   sample 1: y = (2, 2), (4, 0)   p - y = (0, 1), (1, 1)
Comparison small_case() {
  auto const cells = [](std::vector<double> const& values) {
    return at::tensor(values, at::kDouble).view({2, 2, 1, 1, 2});
  };
  auto const y = cells({1, 3, 0, 2, 2, 2, 4, 0});
  return {y + cells({1, 1, 0, 2, 0, 1, 1, 1}), y, {}, {0, 1}};
}

std::map<std::string, MetricResult> measure(std::string const& name, Comparison const& comparison) {
  Grid const grid({{.name = "x", .coordinates = {0, 1}}});
  auto const metric = metric_entry(name).make(grid);
  metric->update(comparison);
  return metric->result(Communicator::self());
}

TEST(GphytMetrics, OfEachChannelAreMeansOverSamples) {
  auto const squares = measure("mse.gphyt", small_case()).at("mse.gphyt");
  EXPECT_NEAR(squares.channels[0], (1 + 0.5) / 2, kRoundOff);
  EXPECT_NEAR(squares.channels[1], (2 + 1) / 2.0, kRoundOff);
  auto const result = measure("nmse.gphyt", small_case());
  auto const e = 1e-6;
  EXPECT_NEAR(result.at("nmse.gphyt").channels[0], (1 / (5 + e) + 0.5 / (4 + e)) / 2, kRoundOff);
  EXPECT_NEAR(result.at("nmse.gphyt").channels[1], (2 / (2 + e) + 1 / (8 + e)) / 2, kRoundOff);
  // Variances with N - 1: 2, 0; 2, 8. A flat target has epsilon alone.
  EXPECT_NEAR(result.at("vmse.gphyt").channels[0], (1 / (2 + e) + 0.5 / e) / 2, 1e-6);
  EXPECT_NEAR(result.at("vmse.gphyt").channels[1], (2 / (2 + e) + 1 / (8 + e)) / 2, kRoundOff);
}

TEST(GphytMetrics, OfEverythingPoolOrTakeRootsOfMeans) {
  auto const result = measure("vrmse.gphyt", small_case());
  auto const e = 1e-6, mse = 9 / 8.0, energy = 38 / 8.0;
  auto const mean = 14 / 8.0;
  EXPECT_NEAR(result.at("nrmse.gphyt").overall, std::sqrt(mse / (energy + e)), kRoundOff);
  auto const variance = (38 - 8 * mean * mean) / 7;
  EXPECT_NEAR(result.at("vrmse.gphyt").overall, std::sqrt(mse / (variance + e)), kRoundOff);
  auto const nmse = (1 / (5 + e) + 0.5 / (4 + e) + 2 / (2 + e) + 1 / (8 + e)) / 4;
  EXPECT_NEAR(result.at("rnmse.gphyt").overall, std::sqrt(nmse), kRoundOff);
  auto const vmse = (1 / (2 + e) + 0.5 / e + 2 / (2 + e) + 1 / (8 + e)) / 4;
  EXPECT_NEAR(result.at("rvmse.gphyt").overall, std::sqrt(vmse), 1e-9);
}

TEST(GphytMetrics, DoNotDependOnHowSamplesArrive) {
  auto const whole = known_case();
  Grid const grid({{.name = "x", .coordinates = {0, 1}}});
  auto const together = metric_entry("vrmse.gphyt").make(grid);
  together->update(whole);
  auto const apart = metric_entry("vrmse.gphyt").make(grid);
  apart->update(part(whole, 0, 1));
  apart->update(part(whole, 1, 3));
  auto const self = Communicator::self();
  for (auto const& name : together->names()) {
    EXPECT_NEAR(
        together->result(self).at(name).overall, apart->result(self).at(name).overall, kRoundOff)
        << name;
  }
}

TEST(GphytMetrics, LeaveOutPairsWithoutACell) {
  auto masked = small_case();
  masked.mask = at::ones({2, 2, 1, 1, 2});
  masked.mask[1][0].zero_();
  auto const result = measure("rnmse.gphyt", masked);
  auto const e = 1e-6;
  EXPECT_NEAR(result.at("rnmse.gphyt").overall,
              std::sqrt((1 / (5 + e) + 2 / (2 + e) + 1 / (8 + e)) / 3),
              kRoundOff);
  auto const mse = 8 / 6.0, energy = (1 + 9 + 0 + 4 + 16 + 0) / 6.0;
  EXPECT_NEAR(result.at("nrmse.gphyt").overall, std::sqrt(mse / (energy + e)), kRoundOff);
}

}  // namespace
}  // namespace eddyline
