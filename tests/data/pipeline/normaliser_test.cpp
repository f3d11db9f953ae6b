#include "data/pipeline/normaliser.hpp"

#include <gmock/gmock.h>

#include <limits>

#include <gtest/gtest.h>

#include "tests/data/pipeline/memory_reader.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr double kTolerance = 1e-5;  // float32 means of some hundred values of order 10

Statistics training() {
  return {.dataset = "memory",
          .channels = {"density", "velocity_x", "velocity_y"},
          .mean = {10, 2, 4},
          .std = {0.5, 1, 3},
          .rms = {10.1, 2.2, 5},
          .mean_delta = {0.1, 0.3, 0.2},
          .std_delta = {0.25, 0.5, 1},
          .rms_delta = {0.3, 0.6, 1.1},
          .count = {10, 10, 10},
          .count_delta = {9, 9, 9},
          .constant_channels = {"orography"},
          .constant_mean = {100},
          .constant_std = {50},
          .constant_rms = {112}};
}

BatchSpec spec_of(FieldSet known = {},
                  std::vector<std::string> const& outputs = {"density", "velocity"}) {
  auto fields = some_fields().fields();
  fields.insert(fields.end(), known.fields().begin(), known.fields().end());
  return {.dataset = "memory",
          .input_fields = FieldSet(fields),
          .known_fields = known,
          .output_fields = some_fields().select(outputs)};
}

at::Tensor window(int64_t samples) {
  std::vector<at::Tensor> all;
  for (int64_t i = 0; i < samples; ++i) {
    all.push_back(coded_series(i, 2));
  }
  return at::stack(all);  // (B, 2, 3, 1, 8, 6)
}

TEST(Normaliser, DatasetUsesTheTrainingStatistics) {
  Normaliser const normaliser(Normalisation::dataset, Pooling::channel, training(), spec_of());
  auto const norm = normaliser.input_norm(window(2));
  EXPECT_TRUE(norm.mean.equal(at::tensor({10.0F, 2.0F, 4.0F}).unsqueeze(0)));
  EXPECT_TRUE(norm.scale.equal(at::tensor({0.5F, 1.0F, 3.0F}).unsqueeze(0)));
}

TEST(Normaliser, FieldPoolingScalesAllComponentsAlike) {
  Normaliser const normaliser(Normalisation::dataset, Pooling::field, training(), spec_of());
  auto const norm = normaliser.input_norm(window(1));
  EXPECT_EQ(norm.mean[0][1].item<float>(), 3.0F);
  EXPECT_EQ(norm.scale[0][1].item<float>(), norm.scale[0][2].item<float>());
  EXPECT_TRUE(normaliser.training_mean().equal(at::tensor({10.0F, 2.0F, 4.0F})))
      << "what fills a hole is the channel's own mean";
}

TEST(Normaliser, AConstantChannelIsOnlyCentred) {
  auto statistics = training();
  statistics.std[0] = 1e-8;
  Normaliser const normaliser(Normalisation::dataset, Pooling::channel, statistics, spec_of());
  EXPECT_EQ(normaliser.input_norm(window(1)).scale[0][0].item<float>(), 1);
}

TEST(Normaliser, NoneLeavesValuesAsTheyAre) {
  Normaliser const normaliser(Normalisation::none, Pooling::field, training(), spec_of());
  EXPECT_TRUE(normaliser.input_norm(window(1)).normalise(window(1)).equal(window(1)));
}

TEST(Normaliser, WindowUsesEachSamplesOwnInputs) {
  Normaliser const normaliser(Normalisation::window, Pooling::channel, training(), spec_of());
  auto const input = window(2);
  auto const norm = normaliser.input_norm(input);
  ASSERT_EQ(norm.mean.sizes().vec(), (std::vector<int64_t>{2, 3}));
  auto const one = input[1].select(1, 2).to(at::kDouble);
  EXPECT_NEAR(
      norm.mean[1][2].item<double>(), one.mean().item<double>(), 1e-3);  // float32 mean at 1000
  EXPECT_NEAR(norm.scale[1][2].item<double>(),
              one.std(false).item<double>(),
              1e-4);  // the floor adds 1e-6 of it
}

TEST(Normaliser, WindowPoolsComponentsAsOneField) {
  Normaliser const normaliser(Normalisation::window, Pooling::field, training(), spec_of());
  auto const input = window(1);
  auto const norm = normaliser.input_norm(input);
  auto const velocity = input.narrow(2, 1, 2).to(at::kDouble);
  EXPECT_NEAR(norm.mean[0][1].item<double>(), velocity.mean().item<double>(), kTolerance);
  EXPECT_NEAR(norm.scale[0][2].item<double>(), velocity.std(false).item<double>(), kTolerance);
}

TEST(Normaliser, WindowAtRestDoesNotBlowUpNoise) {
  Normaliser const normaliser(Normalisation::window, Pooling::channel, training(), spec_of());
  auto const norm = normaliser.input_norm(at::full({1, 2, 3, 1, 8, 6}, 5.0F));
  EXPECT_NEAR(norm.scale[0][2].item<double>(), 1e-3 * 3, 1e-8);
}

TEST(Normaliser, WindowLeavesMissingValuesOut) {
  Normaliser const normaliser(Normalisation::window, Pooling::channel, training(), spec_of());
  auto input = at::full({1, 1, 3, 1, 1, 2}, 5.0F);
  input.select(5, 0).fill_(kNan);
  input.select(2, 1).fill_(kNan);
  auto const norm = normaliser.input_norm(input);
  EXPECT_EQ(norm.mean[0][0].item<float>(), 5);
  EXPECT_EQ(norm.mean[0][1].item<float>(), 2) << "the training mean where the window has no value";
}

TEST(Normaliser, KnownInputsStayButForConstantFields) {
  FieldSet const known({{.name = "hour_of_day_sin"}, {.name = "orography"}});
  Normaliser const normaliser(Normalisation::dataset, Pooling::channel, training(), spec_of(known));
  auto const norm = normaliser.input_norm(at::zeros({1, 1, 5, 1, 2, 2}));
  EXPECT_EQ(norm.mean[0][3].item<float>(), 0);
  EXPECT_EQ(norm.scale[0][3].item<float>(), 1);
  EXPECT_EQ(norm.mean[0][4].item<float>(), 100);
  EXPECT_EQ(norm.scale[0][4].item<float>(), 50);
}

TEST(Normaliser, TargetsUseTheirChannelsOfTheInputMap) {
  Normaliser const normaliser(
      Normalisation::dataset, Pooling::channel, training(), spec_of({}, {"velocity"}));
  auto const norm = normaliser.target_norm(normaliser.input_norm(window(1)));
  EXPECT_TRUE(norm.mean.equal(at::tensor({2.0F, 4.0F}).unsqueeze(0)));
}

TEST(Normaliser, IncrementsAreTheTrainingPartsDeltasInUnitsOfItsScale) {
  // velocity: std 1 and 3, mean_delta 0.3 and 0.2, std_delta 0.5 and 1
  for (auto const kind : {Normalisation::dataset, Normalisation::window}) {
    Normaliser const normaliser(kind, Pooling::channel, training(), spec_of({}, {"velocity"}));
    auto const norm = normaliser.increment_norm(at::kCPU);
    EXPECT_TRUE(norm.mean.allclose(at::tensor({0.3F, 0.2F / 3}).unsqueeze(0)));
    EXPECT_TRUE(norm.scale.allclose(at::tensor({0.5F, 1.0F / 3}).unsqueeze(0)));
  }
  Normaliser const plain(
      Normalisation::none, Pooling::channel, training(), spec_of({}, {"velocity"}));
  EXPECT_TRUE(plain.increment_norm(at::kCPU).scale.allclose(at::tensor({0.5F, 1.0F}).unsqueeze(0)));
}

TEST(Normaliser, OracleIsMorphsConvention) {
  auto const trajectory = coded_series(0, 4);
  auto const norm = oracle_norm(trajectory, some_fields());
  auto const velocity = trajectory.narrow(1, 1, 2).to(at::kDouble);
  EXPECT_NEAR(norm.mean[0][2].item<double>(), velocity.mean().item<double>(), kTolerance);
  EXPECT_NEAR(norm.scale[0][1].item<double>(),
              std::sqrt(velocity.var(false).item<double>() + 1e-6),
              kTolerance);
}

TEST(Normaliser, OracleNeedsTheTrajectory) {
  Normaliser const normaliser(Normalisation::oracle, Pooling::field, training(), spec_of());
  EXPECT_THAT(message_of([&] { normaliser.input_norm(window(1)); }),
              HasSubstr("needs the whole trajectory"));
}

TEST(Normaliser, SaysWhichChannelTheStatisticsLack) {
  auto statistics = training().select({"density", "velocity_x"});
  auto const text = message_of(
      [&] { Normaliser(Normalisation::dataset, Pooling::field, statistics, spec_of()); });
  EXPECT_THAT(text, HasSubstr("no channel 'velocity_y'"));
  EXPECT_THAT(text, HasSubstr("while normalising 'memory'"));
}

TEST(Normaliser, FillsMissingValuesByChannel) {
  auto values = at::full({2, 1, 3, 1, 1, 2}, 7.0F);
  values[1][0][2][0][0][1] = kNan;
  fill_missing(values, at::tensor({1.0F, 2.0F, 3.0F}));
  EXPECT_EQ(values[1][0][2][0][0][1].item<float>(), 3);
  EXPECT_EQ(values.sum().item<float>(), 11 * 7 + 3);
}

TEST(Normaliser, NormalisedBatchesGoBackToWhatTheyWere) {
  FieldSet const known({{.name = "hour_of_day_sin"}, {.name = "orography"}});
  Normaliser const normaliser(
      Normalisation::dataset, Pooling::channel, training(), spec_of(known, {"velocity"}));
  Batch batch{.input = at::cat({window(2), window(2).narrow(2, 0, 2)}, 2),
              .target = window(2).narrow(2, 1, 2)};
  batch.forcing = at::full({2, 1, 2, 1, 8, 6}, 150.0F);
  batch.input_norm = normaliser.input_norm(batch.input);
  batch.target_norm = normaliser.target_norm(batch.input_norm);
  auto const seen = normalised(batch);
  EXPECT_TRUE(seen.input_norm.restore(seen.input).allclose(batch.input, 1e-5, 1e-4));
  EXPECT_TRUE(seen.target_norm.restore(seen.target).allclose(batch.target, 1e-5, 1e-4));
  EXPECT_EQ(seen.forcing[0][0][0].max().item<float>(), 150) << "time features stay";
  EXPECT_EQ(seen.forcing[0][0][1].max().item<float>(), 1) << "constant fields as in the input";
}

/// A network that is given the density and predicts the velocity.
BatchSpec velocity_of_density() {
  auto spec = spec_of();
  spec.input_fields = some_fields().select({"density"});
  spec.output_fields = some_fields().select({"velocity"});
  return spec;
}

TEST(Normaliser, ScalesOutputsThatAreNoInputsByTheirOwnTrainingPart) {
  Normaliser const normaliser(
      Normalisation::dataset, Pooling::channel, training(), velocity_of_density());
  auto const input = normaliser.input_norm(at::zeros({2, 1, 1, 1, 8, 6}));
  EXPECT_TRUE(input.mean.equal(at::full({1, 1}, 10.0F)));
  auto const target = normaliser.target_norm(input);
  EXPECT_TRUE(target.mean.equal(at::tensor({2.0F, 4.0F}).unsqueeze(0)));
  EXPECT_TRUE(target.scale.equal(at::tensor({1.0F, 3.0F}).unsqueeze(0)));
}

TEST(Normaliser, RefusesToScaleOutputsByAWindowThatLacksThem) {
  EXPECT_THAT(message_of([] {
                Normaliser(
                    Normalisation::window, Pooling::channel, training(), velocity_of_density());
              }),
              HasSubstr("data.normalisation is window, which scales the target by the input "
                        "frames, but the network is not given all of velocity"));
}

}  // namespace
}  // namespace eddyline
