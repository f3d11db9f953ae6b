// Training on samples that are split in space gives what whole samples give.
#include "tests/workflows/training/split_training.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/largest_tensor.hpp"
#include "tests/message_of.hpp"
#include "tests/places.hpp"
#include "tests/workflows/rollout/small_box.hpp"
#include "tests/workflows/tiny_data.hpp"

namespace eddyline {
namespace {

std::vector<Parts> splits_of(Communicator const& world) {
  // On four ranks also two samples at once, each on two.
  return world.size() == 2 ? std::vector<Parts>{{1, 1, 2}, {1, 2, 1}}
                           : std::vector<Parts>{{1, 2, 2}, {1, 1, 2}};
}

class SplitTraining : public testing::TestWithParam<Setting> {
 protected:
  std::vector<Parts> splits() const { return splits_of(world_); }
  Communicator world_ = Communicator::world();
  Communicator self_ = Communicator::self();
};

TEST_P(SplitTraining, ForecastsAfterTwentyStepsWhatWholeSamplesTeachAndSendsNoneOnManyRanks) {
  auto parts = splits();
  if (GetParam().box.empty() && world_.size() == 4) {
    parts.push_back({1, 1, 4});  // of six patches two for each of the first ranks; else on the box
  }
  expect_same_training(GetParam(), parts);
}

TEST_P(SplitTraining, ForecastsInThreeDimensionsWhatWholeSamplesTeachOnManyRanks) {
  auto setting = GetParam();
  if (setting.box.empty()) {
    return;
  }
  SharedFolder const folder(world_);
  world_.together([&] {
    if (world_.is_root()) {
      testing_rollout::write_box(folder.path() / "data", {.cells = setting.box_cells, .frames = 6});
    }
  });
  setting.source = concat("path: ", (folder.path() / "data").string());
  setting.model = setting.box;
  setting.token = 0;  // of grids as small as this, halves are no small part
  expect_same_training(setting,
                       world_.size() == 2 ? std::vector<Parts>{{2, 1, 1}}
                                          : std::vector<Parts>{{2, 2, 1}, {1, 1, 4}});
}

TEST_P(SplitTraining, AccumulatesBatchesAndAveragesWeightsAsOneRankOnManyRanks) {
  constexpr int64_t kFewSteps = 4;
  constexpr auto* kMore =
      ", batch: 2, accumulate: 2, ema: {decay: 0.6, warmup: false}, adamw: {epsilon: 0.01}";
  auto const whole = made_by_first(world_, [&] {
    Training training(GetParam(), self_, {1, 1, 1}, kMore);
    auto const first = training.weights().clone();
    auto const losses = training.run(kFewSteps);
    return NamedTensors{{"first", first},
                        {"losses", doubles(losses)},
                        {"weights", training.weights()},
                        {"averages", training.averages()}};
  });
  auto const &weights = whole.at("weights"), &averages = whole.at("averages");
  auto const moved = (weights - whole.at("first")).norm().item<double>();
  EXPECT_GT((averages - weights).norm().item<double>(), 0.1 * moved);
  for (auto const parts : splits()) {
    SCOPED_TRACE(concat(parts[0], " ", parts[1], " ", parts[2]));
    Training split(GetParam(), world_, parts, kMore);
    auto const losses = split.run(kFewSteps);
    for (int64_t i = 0; i < kFewSteps; ++i) {
      EXPECT_LT(relative(losses[static_cast<size_t>(i)], whole.at("losses")[i].item<double>()),
                kGrownRoundOff)
          << "step " << i;
    }
    EXPECT_LT((split.weights() - weights).norm().item<double>(), kGrownRoundOff * moved);
    EXPECT_LT((split.averages() - averages).norm().item<double>(), kGrownRoundOff * moved);
  }
}

INSTANTIATE_TEST_SUITE_P(
    ,
    SplitTraining,
    testing::Values(
        Setting{.name = "fno",
                .surrogate = "fno",
                .model = "{modes: [1, 3, 3], width: 6, layers: 2, projection: 8, history: 1}",
                .train = ", noise: 0.1",
                .data = ", flips: [x, y]",
                .box = "{modes: [2, 3, 3], width: 6, layers: 2, projection: 8, history: 1}"},
        Setting{.name = "ifno",
                .surrogate = "ifno",
                .model = "{modes: [1, 3, 3], width: 6, layers: 2, projection: 8, history: 1}",
                .box = "{modes: [2, 3, 3], width: 6, layers: 2, projection: 8, history: 1}"},
        Setting{.name = "ifactformer",
                .surrogate = "ifactformer",
                .model = "{dim: 12, heads: 2, dim_head: 4, n_layer: 2, history: 1, extent: [1, 1, "
                         "1]}",
                .train = ", activations: recompute, loss: {kind: relative_l2, space: physical}",
                .token = 12,
                .batch = 2,
                .box = "{dim: 16, heads: 2, dim_head: 4, n_layer: 2, history: 1}"},
        Setting{.name = "ifactformer_o",
                .surrogate = "ifactformer",
                .model = "{variant: o, dim: 12, heads: 2, dim_head: 4, n_layer: 2, history: 1, "
                         "extent: [1, 1, 1]}",
                .token = 12,
                .batch = 2,
                .box = "{variant: o, dim: 16, heads: 2, dim_head: 4, n_layer: 2, history: 1}"},
        Setting{.name = "morph",
                .surrogate = "morph",
                .model = "{dim: 32, heads: 2, depth: 2, mlp_dim: 48, heads_xa: 4, filters: 8, "
                         "patch: [4, 4, 4], max_patches: 16, dropout: 0.1}",
                .train = ", loss: {kind: vmse}",
                .data = ", normalisation: window",
                .box = "{dim: 32, heads: 2, depth: 2, mlp_dim: 48, heads_xa: 4, filters: 8, patch: "
                       "[2, 2, 2], max_patches: 64, dropout: 0.1}",
                .box_cells = {6, 6, 10}},
        Setting{.name = "gphyt",
                .surrogate = "gphyt",
                .model = "{hidden_dim: 24, mlp_dim: 32, num_heads: 4, num_layers: 2, patch: [1, 4, "
                         "4], history: 1, dropout: 0.1}"},
        Setting{.name = "climax",
                .surrogate = "climax",
                .model = "{variables: [], dim: 16, heads: 4, depth: 2, decoder_depth: 0, patch: "
                         "[1, 4, 4]}"},
        Setting{.name = "unet",
                .surrogate = "unet",
                .model = "{patch: [1, 4, 4], features: 4, blocks_per_stage: 1, history: 1}",
                .box = "{patch: [2, 2, 2], features: 4, blocks_per_stage: 1, history: 1}",
                .box_cells = {6, 6, 10}}),
    [](auto const& instance) { return instance.param.name; });

TEST(SplitPaddedTraining, ForecastsWhatWholeSamplesTeachOnManyRanks) {
  // The second step of a forecast begins with added cells that are made anew. Eight steps show it;
  // twenty are those of SplitTraining.
  expect_same_training(
      {.name = "padded",
       .surrogate = "morph",
       .model = "{dim: 32, heads: 2, depth: 2, mlp_dim: 48, heads_xa: 4, filters: 8, "
                "patch: [4, 5, 7], max_patches: 64}",
       .train = ", unroll: {steps: 2}",
       .data = ", fit: pad"},
      splits_of(Communicator::world()),
      8);
}

// Products keep 8 bits: a rounding is at most 2^-9 of a value. Losses are means of many; the cells
// of a forecast have passed a few roundings in a row. Weights may differ as the signs of small
// gradients do.
TEST(SplitTrainingJob, FollowsOneRankInBfloat16OnManyRanks) {
  constexpr int64_t kFewSteps = 5;
  constexpr double kHalf = 0x1p-8;
  auto const world = Communicator::world();
  Setting const setting{.name = "half",
                        .surrogate = "morph",
                        .model =
                            "{dim: 32, heads: 2, depth: 1, mlp_dim: 48, heads_xa: 4, filters: "
                            "8, patch: [4, 4, 4], max_patches: 16}",
                        .train = ", precision: bf16"};
  auto exact = setting;
  exact.train = "";
  auto const whole = trained_whole(setting, kFewSteps, world);
  Training split(setting, world, {1, 1, 2}), full(exact, world, {1, 1, 2});
  auto const half = trained(split, kFewSteps);
  EXPECT_LT(((half.losses - whole.losses) / whole.losses).abs().max().item<double>(), kHalf);
  EXPECT_LT(relative(half.forecast, whole.forecast), 4 * kHalf);
  EXPECT_GT(relative(half.forecast, trained(full, kFewSteps).forecast), 0.01 * kHalf);
}

TEST_P(SplitTraining, ReadsEachCellOnOneRankForTheStatisticsOfWholeSamplesOnManyRanks) {
  Training whole(GetParam(), self_, {1, 1, 1});
  Training split(GetParam(), world_, splits()[0]);
  auto const& spec = *split.set().train->batch_spec();
  auto const all = spec.input_grid.shape();
  auto const& own = split.set().train->block().box;
  EXPECT_EQ(Box{.size = all}.cells(), own.cells() * split.mesh().domain().size());
  auto const before = split.set().train->bytes_read();
  auto const before_whole = whole.set().train->bytes_read();
  (void)split.set().train->read({0, 0, 2, 1});
  (void)whole.set().train->read({0, 0, 2, 1});
  EXPECT_EQ((split.set().train->bytes_read() - before) * split.mesh().domain().size(),
            whole.set().train->bytes_read() - before_whole);
  auto const& expected = whole.set().statistics;
  auto const& got = split.set().statistics;
  ASSERT_EQ(got.count, expected.count);
  for (size_t c = 0; c < expected.mean.size(); ++c) {
    EXPECT_LT(relative(got.std[c], expected.std[c]), 1e-12);
    EXPECT_LT(relative(got.std_delta[c], expected.std_delta[c]), 1e-12);
    EXPECT_NEAR(got.mean[c], expected.mean[c], 1e-12 * expected.rms[c]);
  }
}

TEST(SplitData, NamesTheSplitsThatThePatchAllowsOnManyRanks) {
  auto const world = Communicator::world();
  auto const mesh = std::make_shared<Mesh>(world, Parts{1, 1, 2});
  DataConfig config;
  config.path = source_file("tests/fixtures/formats/well/active_matter_mini");
  auto const open = [&](std::array<int64_t, 3> patch) {
    Dataset(config, Split::all, {}, patch, mesh);
  };
  config.fit = FitMode::crop;
  EXPECT_THAT(message_of<Error>([&] {
                open({1, 1, 16});
              }),
              testing::HasSubstr(
                  "cannot be split over 2 ranks; allowed: 1; splits over 2 ranks: [1, 2, 1]"));
}

TEST(SplitTrainingJob, HoldsNoWholeFieldOnARankOnManyRanks) {
  auto const world = Communicator::world();
  SharedFolder const folder(world);
  auto const& box = testing_rollout::kFieldWithGaps;
  world.together([&] {
    if (world.is_root()) {
      testing_rollout::write_box(folder.path() / "data", box);
    }
  });
  auto const config = parse_config<TrainJobConfig>(
      concat("data: {path: ",
             (folder.path() / "data").string(),
             ", missing: mask, splits: {by: trajectories, fractions: ",
             "[0.5, 0.5, 0]}}\nmodel: {surrogate: climax, ",
             testing_rollout::kClimaxOfFewNumbers + 1,
             "\ntrain: {batch: 1, steps: 1}\nparallel: {domain: [1, ",
             world.size() / 2,
             ", 2]}\nrun: {device: cpu, threads: 1, name: small, folder: ",
             (folder.path() / "runs").string(),
             "}\n"),
      "test.yaml");
  auto const largest = largest_tensor([&] { train(config, Existing::refuse, {}, world); });
  // Blocks of the three frames of a trajectory: on four ranks less than a field.
  EXPECT_LE(largest, 3 * box.field() / world.size());
}

TEST(SplitTrainingJob, RefusesNetworksThatWorkOnWholeSamplesOnManyRanks) {
  auto const world = Communicator::world();
  auto const config = parse_config<TrainJobConfig>(
      "model: {surrogate: script, file: net.pt, history: 1}\nparallel: {domain: [1, 1, 2]}\n"
      "run: {name: never_made}\n",
      "test.yaml");
  EXPECT_THAT(message_of<Error>([&] { train(config, Existing::overwrite, {}, world); }),
              testing::AllOf(testing::HasSubstr("parallel.domain splits samples, which the network "
                                                "'script' cannot work on; those that can are"),
                             testing::HasSubstr("ifactformer"),
                             testing::HasSubstr("morph")));
}

}  // namespace
}  // namespace eddyline
