// ClimaX on a region of the globe: training, direct forecasts, scores.
#include <gmock/gmock.h>

#include <cmath>
#include <numbers>
#include <regex>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/config.hpp"
#include "data/formats/rollout_reader.hpp"
#include "data/sinks/rollout_sink.hpp"
#include "surrogates/checkpoints/native.hpp"
#include "tests/core/shared_folder.hpp"
#include "tests/message_of.hpp"
#include "workflows/evaluation/run_evaluate.hpp"
#include "workflows/planning/plan.hpp"
#include "workflows/rollout/run_rollout.hpp"
#include "workflows/training/train_job.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

constexpr int64_t kFrames = 22;
constexpr int64_t kFirstTested = 12;
constexpr double kRoundOff = 1e-5;  // float32 sums of some hundred cells in another order

/// 8 × 16 cells of 22.5°, south first.
Grid globe() {
  Axis latitude{.name = "latitude", .coordinates = {}, .units = "degrees_north"};
  Axis longitude{.name = "longitude", .coordinates = {}, .units = "degrees_east"};
  longitude.boundaries = {Boundary::periodic, Boundary::periodic};
  for (int i = 0; i < 8; ++i) {
    latitude.coordinates.push_back(-78.75 + 22.5 * i);
  }
  for (int i = 0; i < 16; ++i) {
    longitude.coordinates.push_back(22.5 * i);
  }
  return Grid({latitude, longitude}, Geometry::lat_lon);
}

/// Waves that go around the globe; trajectory b: (1, 1, 8, 16). `south` is added south of 0°.
at::Tensor temperature(int64_t b, int64_t t, double south) {
  auto const row = at::arange(8, at::kFloat).view({1, 1, 8, 1});
  auto const column = at::arange(16, at::kFloat).view({1, 1, 1, 16});
  auto const angle = column * (std::numbers::pi / 8) + 0.2 * static_cast<double>(t + 3 * b);
  auto const wave = at::sin(angle) * (1 + 0.1 * row) + 0.3 * row;
  return wave + at::where(row.lt(4), at::full({}, south), at::zeros({}));
}

/// Two hourly series.
void write_globe(std::filesystem::path const& folder, double south) {
  RolloutDescription description{.name = "globe", .made_by = "test", .time_unit = "h"};
  description.fields = FieldSet(std::vector<Field>{{.name = "t2m", .units = "K"}});
  description.grid = globe();
  description.trajectories = {{"a", {}}, {"b", {}}};
  RolloutFolder const files(folder);
  files.describe(description);
  RolloutSink sink(files, description, {0, 2});
  for (int64_t t = 0; t < kFrames; ++t) {
    auto const frame = at::stack({temperature(0, t, south), temperature(1, t, south)});
    sink.write(t, {frame, static_cast<double>(t), nullptr});
  }
  sink.close_segment({kFrames - 1, at::zeros({2, 1, 1, 1, 8, 16}), {0.0}, {}});
}

/// The region is 0° to 90° north, 45° west to 67.5° east: rows 4 to 7, columns 14, 15, 0 … 3.
constexpr char const* kJob = R"(
data:
  strides: [1, 2, 3]
  normalisation: none
  splits:
    by: frames
    train: {first: 0, last: 7}
    valid: {first: 8, last: 11}
    test: {first: 12, last: 21}
model: {surrogate: climax, variant: regional, BOX, variables: [], patch: [1, 2, 2], dim: 8,
        depth: 1, decoder_depth: 0, heads: 2, dropout: 0, drop_path: 0}
train: {loss: {kind: mse.climax}, batch: 6, steps: 4, schedule: {kind: constant, peak: 1.0e-3}}
run: {device: cpu}
)";

at::Tensor crop(at::Tensor const& values) {
  return at::cat({values.narrow(-1, 14, 2), values.narrow(-1, 0, 4)}, -1).narrow(-2, 4, 4);
}

/// Its data and the run of a training, the same for all ranks.
class Region {
 public:
  explicit Region(double south = 0, std::string const& box = "box: [0, 90, 315, 70]")
      : job_(std::regex_replace(kJob, std::regex("BOX"), box)) {
    world_.together([&] {
      if (world_.is_root()) {
        write_globe(folder_ / "data", south);
      }
    });
    world_.barrier();
  }

  using Parts = std::array<int64_t, 3>;

  /// \return  the checkpoint
  std::string trained(std::string const& name,
                      Communicator const& ranks,
                      Parts const& parts = {1, 1, 1}) const {
    auto config = parse_config<TrainJobConfig>(job_, "test");
    config.data.path = (folder_ / "data").string();
    config.parallel.domain = parts;
    config.run.folder = folder_.path().string();
    config.run.name = name;
    EXPECT_EQ(train(config, Existing::overwrite, {}, ranks), 0);
    return (folder_ / name / "checkpoints" / "last.h5").string();
  }
  std::string trained() const { return trained("run", world_); }

  RolloutConfig rollout(std::string const& model) const {
    RolloutConfig config;
    config.model = model;
    config.steps = 6;
    config.segment = 2;
    config.forecast = Forecast::direct;
    config.device = DeviceKind::cpu;
    config.out = (folder_ / "rollout").string();
    return config;
  }

  /// Ways to split its samples over these ranks, on four also two samples at once.
  std::vector<Parts> splits() const {
    if (world_.size() == 2) {
      return {{1, 1, 2}, {1, 2, 1}};
    }
    return {{1, 2, 2}, {1, 1, 2}};
  }

  std::filesystem::path path(std::string const& name) const { return folder_ / name; }
  std::string const& job() const { return job_; }
  Communicator const& world() const { return world_; }

 private:
  std::string job_;
  Communicator world_ = Communicator::world();
  SharedFolder folder_{world_};
};

/// Frames of a rollout, (B, T, C, h, w).
at::Tensor frames_in(std::filesystem::path const& folder) {
  auto const reader = open_rollout({.path = folder});
  auto const& spec = reader->spec();
  auto const shape = spec.grid.shape();
  auto const frames = spec.trajectories[0].frames();
  auto all = at::empty({2, frames, spec.fields.channels(), 1, shape[1], shape[2]});
  for (int64_t b = 0; b < 2; ++b) {
    reader->read({b, 0, frames, 1}, {.size = shape}, all[b]);
  }
  return all.squeeze(3);
}

void expect_equal_weights(std::string const& a, std::string const& b, double tolerance) {
  auto const one = read_native(a).tensors;
  auto const other = read_native(b).tensors;
  for (auto const& [name, value] : one) {
    if (name.starts_with("model/")) {
      EXPECT_TRUE(at::allclose(value, other.at(name), 0, tolerance)) << name;
    }
  }
}

TEST(RegionalForecast, LearnsFromItsRegionAlone) {
  Region const plain;
  auto const model = plain.trained();
  auto const weights = read_native(model).tensors;
  Region const other(/*south=*/7);
  auto const again = read_native(other.trained()).tensors;
  for (auto const& [name, value] : weights) {
    EXPECT_TRUE(at::equal(value, again.at(name))) << name;
  }
}

TEST(RegionalForecast, TrainsAlikeOnAnyNumberOfRanks) {
  Region const region;
  auto const shared = region.trained();
  auto const alone =
      region.trained("alone" + std::to_string(region.world().rank()), Communicator::self());
  expect_equal_weights(shared, alone, kRoundOff);
}

TEST(RegionalForecast, TrainsAlikeWhereSamplesAreSplitOnManyRanks) {
  Region const region;
  auto const alone =
      region.trained("alone" + std::to_string(region.world().rank()), Communicator::self());
  for (auto const& parts : region.splits()) {
    SCOPED_TRACE(testing::PrintToString(parts));
    expect_equal_weights(region.trained("split", region.world(), parts), alone, kRoundOff);
  }
}

TEST(RegionalForecast, IsWrittenAlikeWhereSamplesAreSplitOnManyRanks) {
  Region const region;
  auto config = region.rollout(region.trained());
  run_rollout(config, Existing::refuse, region.world());
  auto const whole = frames_in(config.out);
  for (auto const& parts : region.splits()) {
    SCOPED_TRACE(testing::PrintToString(parts));
    config.out = region.path("split").string();
    config.parallel.domain = parts;
    config.steps = 3;
    run_rollout(config, Existing::overwrite, region.world());
    config.parallel.domain = {1, 1, 1};  // and goes on with another split
    config.steps = 6;
    run_rollout(config, Existing::resume, region.world());
    auto const frames = frames_in(config.out);
    EXPECT_TRUE(at::allclose(frames, whole, 0, kRoundOff));
    EXPECT_TRUE(at::equal(frames.select(2, 1), whole.select(2, 1))) << "the truth";
  }
}

TEST(RegionalForecast, IsScoredAlikeWhereSamplesAreSplitOnManyRanks) {
  Region const region;
  EvaluateConfig config;
  config.model = region.trained();
  config.device = DeviceKind::cpu;
  config.forecast = Forecast::direct;
  config.horizon = 3;
  config.metrics = {"rmse.climax", "vrmse.well", "spectrum.low", "spectrum.well.mid"};
  config.table = "rmse.climax";
  config.baselines = {BaselineKind::persistence, BaselineKind::climatology};
  auto const whole = run_evaluate(config, Existing::overwrite, region.world());
  for (auto const& parts : region.splits()) {
    config.parallel.domain = parts;
    auto const split = run_evaluate(config, Existing::overwrite, region.world());
    EXPECT_EQ(split.one_step.samples, whole.one_step.samples);
    for (auto const& [column, methods] : whole.rollout->columns) {
      for (auto const& [method, steps] : methods) {
        for (size_t step = 0; step < steps.size(); ++step) {
          EXPECT_NEAR(split.rollout->columns.at(column).at(method)[step].overall,
                      steps[step].overall,
                      kRoundOff * (1 + steps[step].overall))
              << column << " of " << method << ", split " << testing::PrintToString(parts);
        }
      }
    }
  }
}

TEST(RegionalForecast, NamesTheSplitsThatItsPatchesAllowOnManyRanks) {
  Region const region(/*south=*/0, "box: [50, 90, 315, 70]");  // one row of patches
  EXPECT_THAT(message_of([&] {
                region.trained("narrow", region.world(), {1, 2, 1});
              }),
              HasSubstr("in units of 2 cannot be split over 2 ranks; allowed: 1"));
}

TEST(RegionalForecast, IsPlannedByTheSplitsOfItsRegionOnOneRank) {
  Region const region;
  auto config = parse_config<PlanJobConfig>(region.job(), "test");
  config.data.path = region.path("data").string();
  config.plan.ranks = 4;
  std::vector<std::array<int, 3>> domains;
  bool sends_region = false;
  for (auto const& row : plan(config)) {
    domains.push_back(row.sharing.domain);
    bool const is_split = row.sharing.domain != std::array<int, 3>{1, 1, 1};
    EXPECT_EQ(row.needs.sent.contains("attention"), is_split);
    sends_region = sends_region || row.needs.sent.contains("region");
  }
  EXPECT_TRUE(sends_region) << "the rank with the largest block holds some of it in some splits";
  // 2 × 3 of the globe's 4 × 8 patches.
  using testing::Contains;
  EXPECT_THAT(domains, Contains(std::array<int, 3>{1, 2, 2}));
  EXPECT_THAT(domains, Contains(std::array<int, 3>{1, 1, 3}));
  EXPECT_THAT(domains, testing::Not(Contains(std::array<int, 3>{1, 1, 4})));
}

TEST(RegionalForecast, IsRefusedIteratedAndPointsToDirectForecasts) {
  Region const region;
  auto const model = region.trained();
  EvaluateConfig config;
  config.model = model;
  config.device = DeviceKind::cpu;
  config.baselines = {BaselineKind::persistence};
  config.horizon = 2;
  auto const refusal = testing::AllOf(HasSubstr("'climax' cannot be rolled out: it reads"),
                                      HasSubstr("forecast=direct"));
  EXPECT_THAT(message_of([&] { run_evaluate(config, Existing::refuse, region.world()); }), refusal);
  auto rollout = region.rollout(model);
  rollout.forecast = Forecast::iterated;
  EXPECT_THAT(message_of([&] { run_rollout(rollout, Existing::refuse, region.world()); }), refusal);
}

TEST(RegionalForecast, WritesItsRegionWithTruthAndError) {
  Region const region;
  auto const config = region.rollout(region.trained());
  run_rollout(config, Existing::refuse, region.world());
  auto const reader = open_rollout({.path = config.out});
  EXPECT_EQ(reader->spec().grid.axis(1).coordinates,
            (std::vector<double>{11.25, 33.75, 56.25, 78.75}));
  EXPECT_EQ(reader->spec().grid.axis(2).coordinates,
            (std::vector<double>{-45, -22.5, 0, 22.5, 45, 67.5}));
  EXPECT_EQ(reader->spec().fields.channel_names(),
            (std::vector<std::string>{"t2m", "t2m_truth", "t2m_error"}));
  auto const frames = frames_in(config.out);  // (2, 7, 3, 4, 6)
  for (int64_t b = 0; b < 2; ++b) {
    for (int64_t step = 0; step <= config.steps; ++step) {
      auto const truth = crop(temperature(b, kFirstTested + step, 0))[0];
      EXPECT_TRUE(at::equal(frames[b][step][1], truth[0])) << b << ", step " << step;
    }
    EXPECT_TRUE(at::equal(frames[b][0][0], frames[b][0][1])) << "what is given is no forecast";
    EXPECT_FALSE(at::equal(frames[b][1][0], frames[b][2][0])) << "another lead time";
  }
}

TEST(RegionalForecast, GoesOnBitForBitWhereItStopped) {
  Region const region;
  auto config = region.rollout(region.trained());
  run_rollout(config, Existing::refuse, region.world());
  auto const whole = frames_in(config.out);
  config.out = region.path("broken").string();
  config.steps = 3;
  run_rollout(config, Existing::refuse, region.world());
  config.steps = 6;
  run_rollout(config, Existing::resume, region.world());
  EXPECT_TRUE(at::equal(frames_in(config.out), whole));
}

TEST(RegionalForecast, IsScoredOnItsRegionWithItsLatitudeWeights) {
  Region const region;
  auto const model = region.trained();
  auto const rollout = region.rollout(model);
  run_rollout(rollout, Existing::refuse, region.world());
  auto const frames = frames_in(rollout.out);
  EvaluateConfig config;
  config.model = model;
  config.device = DeviceKind::cpu;
  config.forecast = Forecast::direct;
  config.horizon = 6;
  config.metrics = {"rmse.climax"};
  config.table = "rmse.climax";
  config.baselines = {BaselineKind::persistence, BaselineKind::climatology};
  auto const result = run_evaluate(config, Existing::refuse, region.world());
  EXPECT_EQ(result.one_step.samples, 2 * 9) << "10 tested frames, one of them the input";
  std::vector<double> const latitudes = {11.25, 33.75, 56.25, 78.75};
  auto weights = at::cos(at::tensor(latitudes, at::kDouble) * (std::numbers::pi / 180));
  weights = (weights / weights.mean()).view({1, 4, 1});
  auto const score = [&](at::Tensor const& forecast, int64_t step) {
    auto const error = (forecast - frames.select(1, step).select(1, 1)).to(at::kDouble);
    return (error.square() * weights).mean(at::IntArrayRef{1, 2}).sqrt().mean().item<double>();
  };
  auto const& scores = result.rollout->columns.at("rmse.climax");
  for (int64_t step = 1; step <= 6; ++step) {
    auto const at = static_cast<size_t>(step - 1);
    EXPECT_NEAR(scores.at("model")[at].overall,
                score(frames.select(1, step).select(1, 0), step),
                kRoundOff);
    EXPECT_NEAR(scores.at("persistence")[at].overall,
                score(frames.select(1, 0).select(1, 1), step),
                kRoundOff);
  }
}

}  // namespace
}  // namespace eddyline
