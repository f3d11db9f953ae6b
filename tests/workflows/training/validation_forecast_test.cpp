#include "workflows/training/validation_forecast.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/message_of.hpp"
#include "tests/places.hpp"
#include "workflows/training/train_job.hpp"

namespace eddyline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Halves the newest frame, of normalised fields.
class Half final : public Surrogate {
 public:
  Half() { register_parameter("unused", at::ones({1})); }
  at::Tensor predict(Batch const& batch, Context const&) override {
    return batch.input.narrow(1, batch.input.size(1) - 1, 1) * 0.5;
  }
  std::string config() const override { return ""; }
  int64_t history() const override { return 2; }
  std::array<int64_t, 3> patch() const override { return {1, 1, 1}; }
};

TrainJobConfig config_of(std::string const& more) {
  return parse_config<TrainJobConfig>(
      concat("data: {path: ",
             source_file("tests/fixtures/formats/well/active_matter_mini"),
             ", fields: [concentration], history: 2, splits: {by: trajectories, fractions: [0.67, "
             "0.33, 0.0]}}\n",
             more,
             "\n"),
      "test.yaml");
}

class ValidationForecastTest : public testing::Test {
 protected:
  /// What Half forecasts on the mesh's ranks.
  State made(std::string const& shown, Communicator const& ranks, std::array<int, 3> parts) {
    auto const config = config_of("catalyst: {" + shown + "}");
    mesh_ = std::make_shared<Mesh const>(ranks, parts);
    data_.emplace(data_parts(config.data), config.train, std::array<int64_t, 3>{1, 1, 1}, mesh_);
    data_->settle_statistics(nullptr, ranks);
    ValidationForecast forecast(*data_, config.catalyst);
    if (!mesh_->data().is_root()) {
      return {};
    }
    forecast.read(at::kCPU);
    LearningStep learner(std::make_shared<Half>(),
                         TargetRule{},
                         Loss(config.train.loss, set().valid->batch_spec()->output_grid, at::kCPU),
                         config.train,
                         self_);
    return forecast.made(learner, 40);
  }
  TrainingSet const& set() const { return data_->sets().front(); }
  at::Tensor frame(int64_t number) { return set().valid->read({0, number, 1, 1}).values; }

  Communicator self_ = Communicator::self();
  std::shared_ptr<Mesh const> mesh_;
  std::optional<TrainingData> data_;
};

TEST_F(ValidationForecastTest, IsTheLastOfItsStepsBesideTruthAndError) {
  auto const state = made("start: 1, steps: 3", self_, {1, 1, 1});
  auto const& spec = *state.spec;
  EXPECT_THAT(spec.fields.channel_names(),
              ElementsAre("concentration", "concentration_truth", "concentration_error"));
  EXPECT_EQ(state.time, 40);
  EXPECT_EQ(spec.time_unit, "training steps");
  EXPECT_EQ(spec.grid, set().valid->compared_grid());
  // The inputs are the frames 1 and 2; three steps on is frame 5.
  auto const mean = set().statistics.mean[0];
  auto const forecast = mean + (frame(2) - mean) * 0.125;
  constexpr double kRoundOff = 1e-5;  // float32, normalised and restored three times
  EXPECT_TRUE(at::allclose(state.values.narrow(1, 0, 1), forecast, kRoundOff, kRoundOff));
  EXPECT_TRUE(at::equal(state.values.narrow(1, 1, 1), frame(5)));
  EXPECT_TRUE(at::equal(state.values.narrow(1, 2, 1),
                        state.values.narrow(1, 0, 1) - state.values.narrow(1, 1, 1)));
}

TEST_F(ValidationForecastTest, IsOfBlocksWhereSamplesAreSplitOnManyRanks) {
  auto const world = Communicator::world();
  auto const whole = made("steps: 2", self_, {1, 1, 1});
  auto const block = made("steps: 2", world, {1, 1, 2});
  if (!mesh_->data().is_root()) {
    return;
  }
  auto const& box = block.spec->block.box;
  auto const expected = whole.values.narrow(4, box.first[2], box.size[2]);
  // Only the statistics of normalisation are sums over ranks.
  constexpr double kRoundOff = 1e-5;
  EXPECT_TRUE(at::allclose(block.values, expected, kRoundOff, kRoundOff));
}

TEST(ValidationForecast, NamesTheKeyThatHasNoSample) {
  auto const world = Communicator::world();
  auto const mesh = std::make_shared<Mesh const>(world, std::array<int, 3>{1, 1, 1});
  auto const said = [&](std::string const& shown, std::string const& more = "") {
    auto const config = config_of("catalyst: {" + shown + "}\n" + more);
    TrainingData const data(data_parts(config.data), config.train, {1, 1, 1}, mesh);
    return message_of([&] { ValidationForecast(data, config.catalyst); });
  };
  EXPECT_EQ(said(""), "");
  EXPECT_THAT(said("set: waves"),
              HasSubstr("catalyst.set is 'waves'; this training has one data set, without a name"));
  EXPECT_THAT(said("steps: 0"), HasSubstr("catalyst.steps is 0; allowed: 1 to 256"));
  EXPECT_THAT(said("start: -1"), HasSubstr("catalyst.start is -1; it must not be negative"));
  EXPECT_THAT(said("trajectory: 1"),
              AllOf(HasSubstr("catalyst.trajectory is 1; the valid part of '"),
                    HasSubstr("active_matter_mini' has 0 to 0")));
  EXPECT_THAT(said("start: 100"),
              AllOf(HasSubstr("catalyst.start is 100, but the last sample of "),
                    HasSubstr(" begins at frame ")));
  EXPECT_THAT(said("steps: 100"),
              AllOf(HasSubstr("catalyst.steps is 100, whose last frame would be 101, but "),
                    HasSubstr("no truth to show; take fewer steps or a smaller catalyst.start")));
  EXPECT_THAT(
      said("", "train: {validate: {every_epochs: 0}}"),
      AllOf(HasSubstr("catalyst shows a forecast of the valid part of '"),
            HasSubstr("but that has no sample or is not read: set train.validate.every_epochs")));
}

}  // namespace
}  // namespace eddyline
