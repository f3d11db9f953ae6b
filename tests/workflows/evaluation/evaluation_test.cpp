#include "workflows/evaluation/evaluation.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/workflows/evaluation/drift_surrogate.hpp"
#include "workflows/metrics/climax_scores.hpp"
#include "workflows/metrics/registry.hpp"

namespace eddyline {
namespace {

using namespace testing_evaluation;
using testing::HasSubstr;

constexpr double kRoundOff = 1e-4;  // float32 states of size 100

/// Every frame is 10 more than the one before: `linear` is exact, persistence is 10 off a step.
struct Case {
  Dataset data{
      coded_reader({9, 9, 9, 9, 9}), plain_config(), Split::all, {.history = 2}, kAnyPatch};
  Baselines baselines{{BaselineKind::persistence, BaselineKind::linear, BaselineKind::mean},
                      some_statistics(),
                      data.state_spec()->fields};
  Communicator world = Communicator::world();

  /// A network whose step is 5 times its channel's deviation of 2: right for density, 10 too far
  /// for velocity.
  Scores score(std::vector<WindowAddress> const& windows,
               int64_t horizon,
               std::vector<std::string> columns) {
    auto const network = std::make_shared<DriftSurrogate>(5.0);
    Evaluator evaluator(
        data,
        baselines,
        [&](auto const& starts) {
          return std::make_unique<SurrogateStepper>(setup_of(network, data),
                                                    std::make_unique<DatasetForcing>(data, starts));
        },
        world);
    return evaluator.run(windows, {.horizon = horizon, .columns = std::move(columns), .batch = 2});
  }
};

TEST(Evaluator, ScoresModelAndBaselinesOnTheSameFrames) {
  Case at;
  auto const scores = at.score(rollout_windows(at.data, 4, 0), 4, {"rmse", "vrmse.morph"});
  EXPECT_EQ(scores.samples, 5);
  auto const& rmse = scores.columns.at("rmse");
  for (size_t step = 0; step < 4; ++step) {
    auto const k = static_cast<double>(step + 1);
    EXPECT_NEAR(rmse.at("persistence")[step].channels[1], 10 * k, kRoundOff);
    EXPECT_NEAR(rmse.at("linear")[step].channels[1], 0, kRoundOff);
    EXPECT_NEAR(rmse.at("model")[step].channels[0], 0, 10 * kRoundOff);
    EXPECT_NEAR(rmse.at("model")[step].channels[2], 10 * k, 10 * kRoundOff);
  }
  EXPECT_TRUE(scores.columns.contains("vrmse.morph"));
  EXPECT_FALSE(scores.columns.contains("nrmse.morph")) << "not asked for";
}

TEST(Evaluator, ScoresTheTrainingMean) {
  Case at;
  auto const scores = at.score({{0, 0}}, 1, {"bias"});
  // density of frame 2 is 20 + 0.1 x + 0.01 y, its training mean is 1
  EXPECT_NEAR(
      scores.columns.at("bias").at("mean")[0].channels[0], 1 - (20 + 0.35 + 0.025), kRoundOff);
}

TEST(Evaluator, AveragesWindowsOfSteps) {
  Case at;
  auto const scores = at.score(rollout_windows(at.data, 4, 0), 4, {"rmse"});
  EXPECT_NEAR(
      scores.mean_over("rmse", "persistence", 1, 3).channels[0], (20 + 30) / 2.0, kRoundOff);
  EXPECT_THROW(scores.mean_over("rmse", "persistence", 2, 5), Error);
}

TEST(Evaluator, ScoresAModelThatBlowsUpToTheEnd) {
  Case at;
  auto const network = std::make_shared<DriftSurrogate>(1e38);
  Evaluator evaluator(
      at.data,
      at.baselines,
      [&](auto const&) {
        return std::make_unique<SurrogateStepper>(setup_of(network, at.data), nullptr);
      },
      at.world);
  auto const scores =
      evaluator.run(rollout_windows(at.data, 4, 0), {.horizon = 4, .columns = {"rmse"}});
  EXPECT_FALSE(std::isfinite(scores.columns.at("rmse").at("model")[3].overall));
  EXPECT_NEAR(scores.columns.at("rmse").at("persistence")[3].channels[1], 40, kRoundOff);
}

TEST(ScoreBoard, PoolsTheFramesOfAWindowWhereTheMetricDoes) {
  auto const world = Communicator::world();
  ScoreBoard board({"vrmse.morph", "rmse"}, {"model"}, 12, some_grid());
  auto const metric = metric_entry("vrmse.morph").make(some_grid());
  for (int64_t step = 0; step < 12; ++step) {
    auto const target = coded_series(0, 1).mul(static_cast<double>(step + 1));
    Comparison const pair{target * (1 + 0.01 * static_cast<double>(step)), target, {}, {0}, {}};
    board.update("model", step, pair);
    if (step >= 6) {
      metric->update(pair);
    }
  }
  auto const scores = board.scores(world);
  auto const expected = metric->result(world).at("vrmse.morph").overall;
  EXPECT_NEAR(scores.mean_over("vrmse.morph", "model", 6, 12).overall, expected, 1e-12);
  double mean = 0;
  for (size_t step = 6; step < 12; ++step) {
    mean += scores.columns.at("vrmse.morph").at("model")[step].overall / 6;
  }
  EXPECT_GT(std::abs(mean - expected), 1e-3) << "the case tells no difference";
  EXPECT_FALSE(scores.pooled.contains("rmse"));
}

TEST(ScoreBoard, NormalisesWhatAMetricOfNormalisedSpaceSees) {
  auto const world = Communicator::world();
  Affine const norm{at::full({1, 3}, 5.0), at::tensor({1.0, 2.0, 4.0}).view({1, 3})};
  ScoreBoard board({"mse.morph", "rmse"}, {"model"}, 1, some_grid(), norm);
  auto const target = coded_series(0, 1);
  board.update("model", 0, {target + 4, target, {}, {0}});
  auto const scores = board.scores(world);
  EXPECT_NEAR(scores.columns.at("mse.morph").at("model")[0].overall, (16 + 4 + 1) / 3.0, 1e-4);
  EXPECT_NEAR(scores.columns.at("rmse").at("model")[0].channels[2], 4, 1e-4);
}

TEST(Evaluator, LeavesMaskedCellsOut) {
  std::vector<at::Tensor> series = {coded_series(0, 5)};
  series[0].select(1, 0).slice(2, 0, 4).fill_(std::nan(""));
  series[0][1][0][0][7][5] = std::nan("");  // a gap at the start: no method can tell what follows
  auto config = plain_config();
  config.missing = Missing::mask;
  Dataset data(std::make_unique<MemoryReader>(some_fields(), some_grid(), series),
               config,
               Split::all,
               {.history = 2},
               kAnyPatch);
  Baselines const baselines(
      {BaselineKind::persistence}, some_statistics(), data.state_spec()->fields);
  auto const world = Communicator::world();
  Evaluator evaluator(
      data,
      baselines,
      [&](auto const&) {
        return std::make_unique<SurrogateStepper>(
            setup_of(std::make_shared<DriftSurrogate>(5.0), data), nullptr);
      },
      world);
  auto const scores = evaluator.run({{0, 0}}, {.horizon = 1, .columns = {"rmse"}});
  EXPECT_NEAR(scores.columns.at("rmse").at("persistence")[0].channels[0], 10, kRoundOff);
}

/// Series in which persistence errs by 1 + x + 10 y a frame: which cells are scored shows.
std::unique_ptr<MemoryReader> sloped_reader() {
  auto const slope =
      1 + at::arange(8, at::kFloat).view({8, 1}) + 10 * at::arange(6, at::kFloat).view({1, 6});
  auto const t = at::arange(5, at::kFloat).view({5, 1, 1, 1, 1});
  return std::make_unique<MemoryReader>(
      some_fields(), some_grid(), std::vector<at::Tensor>{(t * slope).expand({5, 3, 1, 8, 6})});
}

TEST(Evaluator, ScoresBaselinesOnTheCellsOfTheFileThatTheFitKeeps) {
  for (auto const fit : {FitMode::crop, FitMode::pad}) {
    auto config = plain_config();
    config.fit = fit;
    Dataset data(sloped_reader(), config, Split::all, {.history = 2}, {1, 5, 4});
    Baselines const baselines(
        {BaselineKind::persistence}, some_statistics(), data.state_spec()->fields);
    auto const world = Communicator::world();
    Evaluator evaluator(
        data,
        baselines,
        [&](auto const& starts) {
          return std::make_unique<SurrogateStepper>(
              setup_of(std::make_shared<DriftSurrogate>(5.0), data),
              std::make_unique<DatasetForcing>(data, starts));
        },
        world);
    auto const scores = evaluator.run({{0, 0}}, {.horizon = 1, .columns = {"rmse"}});
    auto const& box = data.fit().source();
    ASSERT_EQ(box.size,
              fit == FitMode::crop ? (std::array<int64_t, 3>{1, 5, 4})
                                   : (std::array<int64_t, 3>{1, 8, 6}));
    double squares = 0;
    for (int64_t x = box.first[1]; x < box.first[1] + box.size[1]; ++x) {
      for (int64_t y = box.first[2]; y < box.first[2] + box.size[2]; ++y) {
        squares += std::pow(1 + x + 10 * y, 2);
      }
    }
    auto const expected = std::sqrt(squares / static_cast<double>(box.size[1] * box.size[2]));
    EXPECT_NEAR(scores.columns.at("rmse").at("persistence")[0].channels[0], expected, kRoundOff)
        << (fit == FitMode::crop ? "crop" : "pad");
  }
}

TEST(Evaluator, CorrelatesAnomaliesFromTheClimatologyOfEachHour) {
  auto const world = Communicator::world();
  Dataset data(coded_reader({30}), plain_config(), Split::all, {.history = 2}, kAnyPatch);
  auto const usual = std::make_shared<Climatology const>(data, world);
  Baselines const baselines(
      {BaselineKind::mean}, some_statistics(), data.state_spec()->fields, usual);
  Evaluator evaluator(
      data,
      baselines,
      [&](auto const& starts) {
        return std::make_unique<SurrogateStepper>(
            setup_of(std::make_shared<DriftSurrogate>(5.0), data),
            std::make_unique<DatasetForcing>(data, starts));
      },
      world);
  auto const scores =
      evaluator.run(all_windows(data, 0), {.horizon = 1, .columns = {"acc.climax"}, .batch = 2});
  auto const truth = data.read({0, 2, 28, 1}).values;  // the frames after two
  auto times = data.times(0);
  times.erase(times.begin(), times.begin() + 2);
  auto const maps = [](at::Tensor const& values) { return values.squeeze(2).to(at::kDouble); };
  auto const expected = anomaly_correlation(
      maps(baselines.forecast("mean", {.newest = truth}, 1)), maps(truth), maps(usual->at(times)));
  auto const found = scores.columns.at("acc.climax").at("mean")[0].channels;
  ASSERT_EQ(found.size(), 3U);
  for (size_t c = 0; c < 3; ++c) {
    EXPECT_NEAR(found[c], expected[static_cast<int64_t>(c)].item<double>(), kRoundOff);
    EXPECT_LT(std::abs(found[c]), 0.99);
  }
}

TEST(Evaluator, RefusesAPartWithoutWindows) {
  Case at;
  EXPECT_THAT(message_of([&] { at.score({}, 40, {"rmse"}); }),
              HasSubstr("has no window of 2 input frames and 40 steps; take a smaller horizon"));
}

TEST(Evaluator, RefusesLinearExtrapolationFromOneFrame) {
  Dataset data(coded_reader({9}), plain_config(), Split::all, {.history = 1}, kAnyPatch);
  Baselines const baselines({BaselineKind::linear}, some_statistics(), data.state_spec()->fields);
  auto const world = Communicator::world();
  EXPECT_THAT(message_of([&] { Evaluator(data, baselines, nullptr, world); }),
              HasSubstr("'linear' needs two frames, the windows have 1"));
}

TEST(Windows, OfRolloutsStartAsOftenAsAsked) {
  Case at;
  EXPECT_EQ(rollout_windows(at.data, 4, 0).size(), 5);
  auto const often = rollout_windows(at.data, 4, 2);
  ASSERT_EQ(often.size(), 10);  // 9 frames, 6 of them in a window: starts at 0 and 2
  EXPECT_EQ(often[1].first, 2);
  EXPECT_TRUE(rollout_windows(at.data, 8, 0).empty());
}

TEST(Windows, AreSpreadEvenlyWhenThereAreTooMany) {
  Case at;
  EXPECT_EQ(static_cast<int64_t>(all_windows(at.data, 0).size()), at.data.windows());
  auto const some = all_windows(at.data, 5);
  ASSERT_EQ(some.size(), 5);
  EXPECT_EQ(some[4].trajectory, 4);
}

}  // namespace
}  // namespace eddyline
