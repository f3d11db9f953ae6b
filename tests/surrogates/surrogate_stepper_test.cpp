#include "surrogates/surrogate_stepper.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/partial_surrogate.hpp"
#include "tests/workflows/evaluation/drift_surrogate.hpp"

namespace eddyline {
namespace {

using namespace testing_evaluation;
using testing::HasSubstr;

History history_of(Dataset& data, int64_t frames, int64_t trajectory = 0) {
  History history(2, data.state_spec());
  auto const series = data.read({trajectory, 0, frames, 1});
  for (int64_t t = 0; t < frames; ++t) {
    history.push(series.values[t].unsqueeze(0), series.times[static_cast<size_t>(t)]);
  }
  return history;
}

TEST(SurrogateStepper, PredictsInPhysicalUnits) {
  Dataset data(coded_reader({6}), plain_config(), Split::all, {.history = 2}, kAnyPatch);
  auto const network = std::make_shared<DriftSurrogate>(0.5);
  SurrogateStepper stepper(setup_of(network, data),
                           std::make_unique<DatasetForcing>(data, std::vector<StartFrame>{{0, 1}}));
  auto history = history_of(data, 2);
  auto const before = history.newest().values.clone();
  auto const state = stepper.advance(history);
  EXPECT_EQ(state.time, 4);  // two frames at 0 and 2, one step of 2
  auto const moved = (state.values - before)[0];
  EXPECT_TRUE(at::allclose(moved[0], at::full({1, 8, 6}, 1.0f), 0, 1e-5))
      << "0.5 standard deviations of 2";
  EXPECT_TRUE(at::allclose(moved[2], at::full({1, 8, 6}, 2.0f), 0, 1e-5))
      << "0.5 standard deviations of 4";
  EXPECT_FALSE(network->was_training);
  EXPECT_EQ(network->seen.lead_time.item<float>(), 2);
}

TEST(SurrogateStepper, ADirectForecastGoesFromTheSameFramesByLaterLeadTimes) {
  Dataset data(coded_reader({6}), plain_config(), Split::all, {.history = 2}, kAnyPatch);
  auto const network = std::make_shared<DriftSurrogate>(0.5);
  auto setup = setup_of(network, data);
  setup.forecast = Forecast::direct;
  SurrogateStepper stepper(setup, nullptr);
  auto history = history_of(data, 2);
  auto const first = stepper.advance(history).values.clone();
  auto const input = network->seen.input.clone();
  stepper.advance(history);
  auto const third = stepper.advance(history);
  EXPECT_EQ(network->seen.lead_time.item<float>(), 6);
  EXPECT_TRUE(at::equal(network->seen.input, input));
  EXPECT_EQ(third.time, 8);  // two frames at 0 and 2, three steps of 2
  EXPECT_TRUE(at::equal(third.values, first)) << "this network does not look at the lead time";
}

TEST(SurrogateStepper, ADirectForecastGoesOnFromWhatItSaved) {
  Dataset data(coded_reader({6}), plain_config(), Split::all, {.history = 2}, kAnyPatch);
  auto const network = std::make_shared<DriftSurrogate>(0.5);
  auto setup = setup_of(network, data);
  setup.forecast = Forecast::direct;
  SurrogateStepper stepper(setup, nullptr);
  auto history = history_of(data, 2);
  stepper.advance(history);
  stepper.advance(history);
  auto const input = network->seen.input.clone();
  SurrogateStepper other(setup, nullptr);
  other.load(stepper.save());
  EXPECT_EQ(other.advance(history).time, 8);
  EXPECT_EQ(network->seen.lead_time.item<float>(), 6);
  EXPECT_TRUE(at::equal(network->seen.input, input));
  EXPECT_THAT(message_of([&] {
                other.load({{"steps", at::ones({1})}});
              }),
              HasSubstr("keeps no 'start' to go on from"));
}

TEST(SurrogateStepper, ShowsTheNetworkKnownFieldsAtTheirTimes) {
  auto config = plain_config();
  config.time_features = {"hour_of_day"};
  config.coordinates = true;
  auto reader = coded_reader({6});
  Dataset data(std::move(reader), config, Split::all, {.history = 2}, kAnyPatch);
  auto const network = std::make_shared<DriftSurrogate>(0.0);
  SurrogateStepper stepper(setup_of(network, data),
                           std::make_unique<DatasetForcing>(data, std::vector<StartFrame>{{0, 1}}));
  auto history = history_of(data, 2);
  for (int step = 0; step < 10; ++step) {
    stepper.advance(history);  // goes on beyond the six frames of the data
  }
  auto const known = network->seen.input.narrow(2, 3, 4);
  auto const expected = data.known_at(0, {18.0, 20.0});
  EXPECT_TRUE(at::allclose(known[0], expected)) << "the last call saw frames at 18 and 20 hours";
}

TEST(SurrogateStepper, FillsMissingValuesWithTheTrainingMean) {
  auto config = plain_config();
  config.missing = Missing::mask;
  Dataset data(coded_reader({6}), config, Split::all, {.history = 2}, kAnyPatch);
  auto const network = std::make_shared<DriftSurrogate>(0.0);
  SurrogateStepper stepper(setup_of(network, data), nullptr);
  auto history = history_of(data, 2);
  auto land = history.newest().values.clone();
  land[0][1][0][2][3] = std::nan("");
  history.push(land, 4);
  auto const state = stepper.advance(history);
  EXPECT_EQ(network->seen.input[0][1][1][0][2][3].item<float>(), 0);
  EXPECT_EQ(state.values[0][1][0][2][3].item<float>(), 10);
}

TEST(SurrogateStepper, LeavesWhatIsMissingThroughoutMissingAtEveryStep) {
  auto config = plain_config();
  config.missing = Missing::mask;
  auto series = coded_series(0, 6);
  series.select(1, 1).select(2, 2).fill_(std::nan(""));  // land, for velocity_x
  Dataset data(
      std::make_unique<MemoryReader>(some_fields(), some_grid(), std::vector<at::Tensor>{series}),
      config,
      Split::all,
      {.history = 2},
      kAnyPatch);
  auto const network = std::make_shared<DriftSurrogate>(0.5);
  SurrogateStepper stepper(setup_of(network, data), nullptr);
  auto history = history_of(data, 2);
  for (int step = 0; step < 3; ++step) {
    auto const values = stepper.advance(history).values;
    EXPECT_TRUE(values[0][1][0][2].isnan().all().item<bool>()) << "step " << step;
    EXPECT_EQ(values.isnan().sum().item<int64_t>(), 6) << "step " << step;
    EXPECT_EQ(network->seen.input.select(2, 1).select(3, 2).abs().max().item<float>(), 0)
        << "the network reads the mean there, as in training";
  }
}

TEST(SurrogateStepper, RenewsAddedCellsFromTheInside) {
  auto config = plain_config();
  config.fit = FitMode::pad;
  Dataset data(coded_reader({6}, 7, 6), config, Split::all, {.history = 2}, {1, 4, 1});
  auto setup = setup_of(std::make_shared<DriftSurrogate>(0.5), data);
  SurrogateStepper stepper(setup, nullptr);
  auto history = history_of(data, 2);
  auto const state = stepper.advance(history);
  EXPECT_TRUE(at::equal(state.values, data.fit().apply(data.fit().undo(state.values))));
}

TEST(SurrogateStepper, GivesTensorsThatLaterCodeMayChange) {
  Dataset data(coded_reader({6}), plain_config(), Split::all, {.history = 2}, kAnyPatch);
  SurrogateStepper stepper(setup_of(std::make_shared<DriftSurrogate>(0.1), data), nullptr);
  auto history = history_of(data, 2);
  stepper.advance(history);
  history.push(history.newest().values * 2, 6);  // outside InferenceMode
  EXPECT_EQ(history.size(), 2);
}

TEST(SurrogateStepper, RefusesANetworkThatPredictsOnlySomeFields) {
  auto config = plain_config();
  config.target_fields = {"density"};
  Dataset data(coded_reader({6}), config, Split::all, {.history = 2}, kAnyPatch);
  EXPECT_THAT(message_of([&] {
                SurrogateStepper(setup_of(std::make_shared<DriftSurrogate>(0.1), data), nullptr);
              }),
              HasSubstr("'drift' cannot be rolled out: it reads density [kg m-3], velocity "
                        "(x, y) [m s-1] but predicts density [kg m-3]; train it with "
                        "data.target_fields: []"));
}

/// Predicts that the rows 2 and 3 of the newest frame stay.
class RowsSurrogate final : public Surrogate, public PartialSurrogate {
 public:
  at::Tensor predict(Batch const& batch, Context const& /*context*/) override {
    lead_time = batch.lead_time[0].item<float>();
    return batch.input.slice(1, -1).slice(4, 2, 4);
  }
  std::string config() const override { return ""; }
  int64_t history() const override { return 2; }
  std::array<int64_t, 3> patch() const override { return {1, 1, 1}; }
  std::optional<GridPart> predicted_part() const override {
    return GridPart{.cells = {8, 6}, .rows = {2, 3}, .columns = {0, 1, 2, 3, 4, 5}};
  }

  float lead_time = 0;
};

TEST(SurrogateStepper, RefusesToIterateARegion) {
  Dataset data(coded_reader({6}), plain_config(), Split::all, {.history = 2}, kAnyPatch);
  auto const network = std::make_shared<RowsSurrogate>();
  data.predict_part(predicted_part(*network).value());
  EXPECT_THAT(message_of([&] { SurrogateStepper(setup_of(network, data), nullptr); }),
              testing::AllOf(HasSubstr("cannot be rolled out: it reads cartesian: x 8"),
                             HasSubstr("but predicts cartesian: x 2"),
                             HasSubstr("by its lead time: forecast=direct")));
}

TEST(SurrogateStepper, ADirectForecastOfARegionLeavesTheHistoryAsItIs) {
  Dataset data(coded_reader({6}), plain_config(), Split::all, {.history = 2}, kAnyPatch);
  auto const network = std::make_shared<RowsSurrogate>();
  data.predict_part(predicted_part(*network).value());
  auto setup = setup_of(network, data);
  setup.outputs = data.outputs();
  setup.forecast = Forecast::direct;
  SurrogateStepper stepper(setup, nullptr);
  auto history = history_of(data, 2);
  auto const start = history.newest().values.clone();
  for (auto const time : {4.0, 6.0}) {  // two frames at 0 and 2
    auto const state = stepper.advance(history);
    EXPECT_EQ(state.time, time);
    EXPECT_EQ(network->lead_time, static_cast<float>(time - 2));
    EXPECT_TRUE(at::allclose(state.values, start.narrow(3, 2, 2), 0, 1e-4))
        << "float32 of values near 10 there and back";
    EXPECT_TRUE(at::equal(stepper.predicted(start), start.narrow(3, 2, 2)));
    EXPECT_EQ(state.spec->grid.shape(), (std::array<int64_t, 3>{1, 2, 6}));
    EXPECT_TRUE(at::equal(history.newest().values, start));
  }
}

TEST(SurrogateStepper, ForecastsFieldsDirectlyThatAreNoInputs) {
  auto config = plain_config();
  config.input_fields = {"velocity"};
  config.target_fields = {"density"};
  Dataset data(coded_reader({6}), config, Split::all, {.history = 2}, kAnyPatch);
  auto const network = std::make_shared<DriftSurrogate>(0.5);
  auto setup = setup_of(network, data);
  setup.inputs = data.inputs();
  setup.outputs = data.outputs();
  setup.forecast = Forecast::direct;
  SurrogateStepper stepper(setup, nullptr);
  auto history = history_of(data, 2);
  auto const state = stepper.advance(history);
  EXPECT_EQ(network->seen.input.size(2), 2);
  ASSERT_EQ(state.values.size(1), 1);
  auto const velocity = history.newest().values.narrow(1, 1, 1);
  // (v - 10) / 4 + 0.5 of the network, times the density's 2, plus its mean 1
  EXPECT_TRUE(at::allclose(state.values, ((velocity - 10) / 4 + 0.5) * 2 + 1, 0, 1e-5));
}

TEST(SurrogateStepper, RefusesStatisticsThatUseTheFuture) {
  Dataset data(coded_reader({6}), plain_config(), Split::all, {.history = 2}, kAnyPatch);
  EXPECT_THAT(message_of([&] {
                SurrogateStepper(
                    setup_of(std::make_shared<DriftSurrogate>(0.1), data, Normalisation::oracle),
                    nullptr);
              }),
              HasSubstr("data.normalisation=oracle, which uses the future: it cannot forecast"));
}

TEST(SurrogateStepper, AsksForTheFramesItNeeds) {
  Dataset data(coded_reader({6}), plain_config(), Split::all, {.history = 2}, kAnyPatch);
  SurrogateStepper stepper(setup_of(std::make_shared<DriftSurrogate>(0.1), data), nullptr);
  auto history = history_of(data, 1);
  EXPECT_THAT(message_of([&] { stepper.advance(history); }),
              HasSubstr("'drift' needs 2 frames to start from, there are 1"));
}

}  // namespace
}  // namespace eddyline
