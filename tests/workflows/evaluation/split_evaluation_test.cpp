// Scores of samples that are split in space are those of whole samples.
#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "tests/largest_tensor.hpp"
#include "tests/message_of.hpp"
#include "tests/workflows/rollout/small_box.hpp"
#include "workflows/evaluation/run_evaluate.hpp"

namespace eddyline {
namespace {

using namespace testing_rollout;

constexpr double kRoundOff = 2e-4;  // of float32, which two steps of an untrained network grow

EvaluateConfig config_in(std::filesystem::path const& folder) {
  EvaluateConfig config;
  config.model = (folder / "run" / "checkpoints" / "best.h5").string();
  config.out = (folder / "evaluation.json").string();
  config.split = Split::all;
  config.horizon = 2;
  config.every = 12;  // six windows: a batch of four and one of two
  config.batch = 4;
  config.one_step_windows = 4;
  config.device = DeviceKind::cpu;
  return config;
}

void expect_near(std::vector<double> const& values, std::vector<double> const& expected) {
  ASSERT_EQ(values.size(), expected.size());
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(expected[i])) {
      EXPECT_TRUE(std::isnan(values[i]));
    } else {
      EXPECT_NEAR(values[i], expected[i], kRoundOff * (std::abs(expected[i]) + 1e-3));
    }
  }
}

void expect_same_scores(Scores const& scores, Scores const& expected) {
  EXPECT_EQ(scores.samples, expected.samples);
  ASSERT_EQ(scores.columns.size(), expected.columns.size());
  for (auto const& [column, methods] : expected.columns) {
    for (auto const& [method, steps] : methods) {
      for (size_t step = 0; step < steps.size(); ++step) {
        SCOPED_TRACE(concat(column, " of ", method, " at step ", step));
        auto const& own = scores.columns.at(column).at(method).at(step);
        expect_near({own.overall}, {steps[step].overall});
        expect_near(own.channels, steps[step].channels);
      }
    }
  }
}

/// Bytes of a frame in float64, from which spectra are taken of all channels at once. (What travels
/// of a network's own is bounded by split_rollout_test.cpp.)
int64_t frame_of_doubles() {
  constexpr int64_t kChannels = 4;
  return kChannels * 2 * Box3d().field();
}

/// Scores on each split are those of one rank.
void expect_same_on(std::vector<std::array<int64_t, 3>> const& splits,
                    EvaluateConfig config,
                    Communicator const& world) {
  EvaluationResult whole;
  world.together([&] {
    if (world.is_root()) {
      whole = run_evaluate(config, Existing::refuse, Communicator::self());
    }
  });
  for (auto const& parts : splits) {
    config.parallel.domain = parts;
    forget_traffic_of_process();
    auto const split = run_evaluate(config, Existing::overwrite, world);
    expect_no_message_as_large_as(config.batch * frame_of_doubles());
    if (world.is_root()) {
      expect_same_scores(split.one_step, whole.one_step);
      expect_same_scores(*split.rollout, *whole.rollout);
    }
  }
}

TEST(SplitEvaluation, GivesTheScoresOfOneRankOnManyRanks) {
  auto const world = Communicator::world();
  auto const folder = prepare_box("evaluation", {"fno", kFno});
  auto config = config_in(folder);
  config.metrics = usual_metric_names();
  // On four ranks also windows on two data ranks.
  expect_same_on({{1, 1, 2}, {1, world.size() / 2, 2}}, config, world);
}

TEST(SplitEvaluation, ScoresTheCellsOfTheFileAloneOnManyRanks) {
  auto const world = Communicator::world();
  auto config = config_in(prepare_box(
      "evaluation",
      {"morph",
       "{filters: 8, dim: 16, heads: 2, depth: 1, mlp_dim: 16, heads_xa: 4, patch: [3, 5, 5], "
       "history: 2, max_patches: 64}"}));
  config.data.text = "{fit: pad}";
  config.allow = {"boundaries"};  // what is longer is no circle any more
  config.metrics = usual_metric_names();
  expect_same_on({{1, world.size() / 2, 2}}, config, world);
}

TEST(SplitEvaluation, HoldsNoWholeFieldOnARankOnManyRanks) {
  auto const world = Communicator::world();
  auto config =
      config_in(prepare_box("evaluation", {"climax", kClimaxOfFewNumbers}, kFieldWithGaps));
  config.horizon = 1;
  config.batch = 1;
  config.one_step_windows = 1;
  config.metrics = {"rmse", "vrmse.well"};
  config.data.text = "{missing: mask}";
  config.parallel.domain = {1, world.size() / 2, 2};
  auto const largest = largest_tensor([&] { run_evaluate(config, Existing::overwrite, world); });
  // Its block in float64: on four ranks half a field.
  EXPECT_LE(largest, 2 * kFieldWithGaps.field() / world.size());
}

TEST(SplitEvaluation, ComparesWithTheClimatologyOfItsBlockOnManyRanks) {
  auto const world = Communicator::world();
  auto config = config_in(prepare_box("evaluation", {"fno", kFno}));
  config.metrics = {"rmse", "acc.climax"};
  config.baselines = {BaselineKind::climatology};
  config.data.text = "{splits: {by: trajectories, fractions: [0.67, 0.0, 0.33]}}";
  config.split = Split::test;
  expect_same_on({{1, world.size() / 2, 2}}, config, world);
}

}  // namespace
}  // namespace eddyline
