#include "workflows/metrics/registry.hpp"

#include <numeric>
#include <set>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/workflows/metrics/known_case.hpp"

namespace eddyline {
namespace {

using testing_metrics::known_case;
using testing_metrics::part;

constexpr double kRoundOff = 1e-12;

Axis uniform(std::string const& name, int64_t n, double step, Boundary boundary) {
  Axis axis{.name = name, .boundaries = {boundary, boundary}};
  axis.coordinates.resize(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) {
    axis.coordinates[static_cast<size_t>(i)] = step * (static_cast<double>(i) + 0.5);
  }
  return axis;
}

Grid plane() {
  return Grid({uniform("x", 6, 0.5, Boundary::periodic), uniform("y", 8, 0.5, Boundary::periodic)});
}

Grid globe() {
  Axis latitude{
      .name = "latitude", .coordinates = {75, 45, 15, -15, -45, -75}, .units = "degrees_north"};
  Axis longitude = uniform("longitude", 8, 45, Boundary::periodic);
  longitude.units = "degrees_east";
  return Grid({latitude, longitude}, Geometry::lat_lon);
}

std::vector<double> measure(std::string const& name,
                            Grid const& grid,
                            Comparison const& comparison) {
  auto const metric = metric_entry(name).make(grid);
  metric->update(comparison);
  auto const result = metric->result(Communicator::self()).at(name);
  return result.channels.empty() ? std::vector<double>{result.overall} : result.channels;
}

void expect_values(std::string const& name, Grid const& grid, std::vector<double> const& expected) {
  auto const values = measure(name, grid, known_case());
  ASSERT_EQ(values.size(), expected.size()) << name;
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_NEAR(values[i], expected[i], kRoundOff) << name << ", channel " << i;
  }
}

TEST(Metrics, OfTheWellEqualNumpy) {
  expect_values("vrmse.well", plane(), {0.110352919433359, 0.0973673385596287});
  expect_values("nrmse.well", plane(), {0.105203803148658, 0.0940649703355318});
  expect_values("linf.well", plane(), {0.119201722652631, 0.139862159575251});
  expect_values("pearson.well", plane(), {0.974248931039372, 0.975176570967308});
  expect_values("spectrum.well.low", plane(), {0.00493593804975129, 0.00343035556561699});
  expect_values("spectrum.well.mid", plane(), {0.0200771202307407, 0.0205338453285673});
  expect_values("spectrum.well.high", plane(), {0.070806927391529, 0.069171964195100});
}

TEST(Metrics, OfPdebenchEqualNumpy) {
  expect_values("rmse.pdebench", plane(), {0.0745276342920699, 0.0734913170630464});
  expect_values("nrmse.pdebench", plane(), {0.105203813648593, 0.0940649781008803});
  expect_values("crmse.pdebench", plane(), {0.0307335912616772, 0.0247329977224735});
  expect_values("brmse.pdebench", plane(), {0.075634527254772, 0.0608167506443873});
  expect_values("frmse.pdebench.low", plane(), {0.0235144124640271, 0.0217052573485104});
}

TEST(Metrics, OfPdebenchInOneDimensionEqualNumpy) {
  auto const x = at::arange(32, at::kDouble).view({1, 1, 1, 1, 32});
  auto const b = at::arange(2, at::kDouble).view({2, 1, 1, 1, 1});
  auto const error = 0.1 * at::sin(0.37 * x * x + b);
  Comparison const comparison{error, at::zeros_like(error), {}, {0, 1}, {}};
  Grid const line({uniform("x", 32, 0.1, Boundary::periodic)});
  EXPECT_NEAR(measure("frmse.pdebench.low", line, comparison)[0], 0.00986510861780248, kRoundOff);
  EXPECT_NEAR(measure("frmse.pdebench.mid", line, comparison)[0], 0.0115775193686109, kRoundOff);
  EXPECT_NEAR(measure("frmse.pdebench.high", line, comparison)[0], 0.00935376845724059, kRoundOff);
}

TEST(Metrics, OfMorphPoolChannelsAndEqualNumpy) {
  expect_values("vrmse.morph", plane(), {0.104598505154155});
  expect_values("nrmse.morph", plane(), {0.0994103245856863});
}

TEST(Metrics, OfMorphDoNotDependOnHowATrajectoryArrives) {
  auto const whole = known_case();
  auto one = part(whole, 0, 1);
  auto two = part(whole, 1, 3);
  one.trajectories = {7};
  two.trajectories = {7, 7};
  auto all = whole;
  all.trajectories = {7, 7, 7};
  auto const together = metric_entry("vrmse.morph").make(plane());
  together->update(all);
  auto const apart = metric_entry("vrmse.morph").make(plane());
  apart->update(one);
  apart->update(two);
  auto const self = Communicator::self();
  EXPECT_NEAR(together->result(self).at("vrmse.morph").overall,
              apart->result(self).at("vrmse.morph").overall,
              kRoundOff);
}

TEST(Metrics, WeighCellsOfAGlobeByArea) {
  expect_values("rmse", globe(), {0.0740649467845265, 0.0767859525505775});
  expect_values("conserved", globe(), {0.0253661861920204, 0.0305190092135157});
  expect_values("rmse.unweighted", globe(), {0.0750667581603097, 0.0735924329504591});
}

TEST(Metrics, WeighStretchedCellsByVolume) {
  Axis const x{.name = "x", .coordinates = {0.5, 2.0, 5.0}, .edges = {0, 1, 3, 7}};
  auto const target = at::zeros({1, 1, 1, 1, 3}, at::kDouble);
  auto const error = at::tensor({1.0, 2.0, 3.0}, at::kDouble).view({1, 1, 1, 1, 3});
  Comparison const comparison{error, target, {}, {0}, {}};
  EXPECT_NEAR(measure("mae", Grid({x}), comparison)[0], (1 * 1 + 2 * 2 + 4 * 3) / 7.0, kRoundOff);
  EXPECT_NEAR(
      measure("conserved", Grid({x}), comparison)[0], (1 * 1 + 2 * 2 + 4 * 3) / 7.0, kRoundOff);
  EXPECT_NEAR(measure("rmse.pdebench", Grid({x}), comparison)[0], std::sqrt(14 / 3.0), kRoundOff);
}

TEST(Metrics, FindTheLargestErrorOfAllSamples) {
  expect_values("max", plane(), {0.12, 0.139985863638341});
}

TEST(Metrics, AreZeroForAPerfectPredictionAndOneForCorrelation) {
  auto comparison = known_case();
  comparison.prediction = comparison.target;
  for (auto const& name : metric_names()) {
    for (auto const value : measure(name, plane(), comparison)) {
      if (name == "frmse.pdebench.mid" || name == "frmse.pdebench.high") {
        EXPECT_TRUE(std::isnan(value)) << "six cells have no such wave numbers";
      } else if (name == "pearson.well") {
        EXPECT_NEAR(value, 47.0 / 48, 1e-6) << "mean over N, deviations over N - 1";
      } else if (name == "acc.climax") {
        EXPECT_NEAR(value, 1, kRoundOff);
      } else {
        EXPECT_EQ(value, 0) << name;
      }
    }
  }
}

TEST(Metrics, IgnoreCellsOutsideTheMask) {
  auto comparison = known_case();
  auto const land = at::zeros({1, 1, 1, 6, 8}, at::kBool);
  land[0][0][0][2][3] = true;
  land[0][0][0][5][7] = true;
  auto const clean = comparison.prediction.clone();
  comparison.mask = land.logical_not().to(at::kFloat);
  comparison.prediction = at::where(land, at::full({}, std::nan(""), at::kDouble), clean);
  auto const values = measure("rmse.unweighted", plane(), comparison);
  auto const squares = (clean - comparison.target).square() * comparison.mask;
  auto const expected = at::sqrt(squares.sum({0, 2, 3, 4}) / (3 * 46));
  EXPECT_NEAR(values[0], expected[0].item<double>(), kRoundOff);
  for (auto const& name : metric_names()) {
    auto const value = measure(name, plane(), comparison)[0];
    EXPECT_EQ(std::isnan(value), name == "frmse.pdebench.mid" || name == "frmse.pdebench.high")
        << name;
  }
}

TEST(Metrics, LeaveOutSamplesWithoutAnyCell) {
  auto const whole = known_case();
  auto masked = whole;
  masked.mask = at::ones({3, 1, 1, 6, 8});
  masked.mask[1].zero_();
  auto const metric = metric_entry("vrmse.well").make(plane());
  metric->update(part(whole, 0, 1));
  metric->update(part(whole, 2, 3));
  auto const expected = metric->result(Communicator::self()).at("vrmse.well").channels;
  auto const values = measure("vrmse.well", plane(), masked);
  EXPECT_NEAR(values[0], expected[0], kRoundOff);
}

TEST(Metrics, ShowADivergedSampleAsNotANumber) {
  auto comparison = known_case();
  comparison.prediction[1][0][0][0][0] = std::nan("");
  for (auto const* name : {"vrmse.well", "max", "linf.well", "vrmse.morph"}) {
    EXPECT_TRUE(std::isnan(measure(name, plane(), comparison)[0])) << name;
  }
}

TEST(Metrics, DoNotDependOnTheNumberOfRanks) {
  auto const world = Communicator::world();
  auto const whole = known_case();
  for (auto const& entry : metric_registry()) {
    auto const alone = entry.make(plane());
    alone->update(whole);
    auto const shared = entry.make(plane());
    for (int64_t sample = 0; sample < 3; ++sample) {
      if (sample % world.size() == world.rank()) {
        shared->update(part(whole, sample, sample + 1));
      }
    }
    auto const expected = alone->result(Communicator::self());
    auto const result = shared->result(world);
    for (auto const& name : entry.names) {
      auto const want = expected.at(name).overall;
      auto const got = result.at(name).overall;
      EXPECT_TRUE((std::isnan(want) && std::isnan(got)) || std::abs(want - got) < kRoundOff)
          << name << ": " << got << " for " << want;
    }
  }
}

TEST(Metrics, OfMorphsElementsPoolAllChannels) {
  auto const pair = known_case();
  auto const error = pair.prediction - pair.target;
  auto const mse = error.square().mean().item<double>();
  EXPECT_NEAR(measure("mse.morph", plane(), pair)[0], mse, kRoundOff);
  EXPECT_NEAR(measure("mae.morph", plane(), pair)[0], error.abs().mean().item<double>(), kRoundOff);
  EXPECT_NEAR(measure("rmse.morph", plane(), pair)[0], std::sqrt(mse), kRoundOff);
  EXPECT_EQ(measure("rmse.morph", plane(), pair).size(), 1U);
  EXPECT_EQ(metric_entry("rmse.morph").space, Space::normalised);
}

TEST(Metrics, OwnNormsWeighCellsByArea) {
  auto const pair = known_case();
  auto const area = at::tensor(globe().cell_weights()[1], at::kDouble).view({1, 1, 1, 6, 1});
  auto const weights = (area / (area.sum() * 8)).expand({1, 1, 1, 6, 8});
  auto const mean = [&](at::Tensor const& values) { return (values * weights).sum({2, 3, 4}); };
  auto const error = mean((pair.prediction - pair.target).square()).mean(0);
  auto const spread = pair.target - mean(pair.target).view({3, 2, 1, 1, 1});
  auto const vrmse = at::sqrt(error / mean(spread.square()).mean(0));
  auto const nrmse = at::sqrt(error / mean(pair.target.square()).mean(0));
  for (int64_t c = 0; c < 2; ++c) {
    auto const at = static_cast<size_t>(c);
    EXPECT_NEAR(measure("vrmse", globe(), pair)[at], vrmse[c].item<double>(), kRoundOff);
    EXPECT_NEAR(measure("nrmse", globe(), pair)[at], nrmse[c].item<double>(), kRoundOff);
    EXPECT_GT(std::abs(measure("vrmse", plane(), pair)[at] - vrmse[c].item<double>()), 1e-4);
  }
}

TEST(Metrics, CarryNamesThatAreUsedOnce) {
  auto const names = metric_names();
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
  for (auto const& entry : metric_registry()) {
    EXPECT_EQ(entry.make(plane())->names(), entry.names);
    EXPECT_FALSE(entry.definition.empty());
  }
}

TEST(Metrics, NameTheNearestOfAnUnknownOne) {
  try {
    metric_entry("vrmse.wel");
    FAIL() << "no error";
  } catch (Error const& error) {
    EXPECT_NE(
        std::string(error.what()).find("unknown metric 'vrmse.wel'; did you mean 'vrmse.well'?"),
        std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace eddyline
