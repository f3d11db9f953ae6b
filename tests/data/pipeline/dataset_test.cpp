#include "data/pipeline/dataset.hpp"

#include <gmock/gmock.h>

#include <limits>

#include <gtest/gtest.h>

#include "tests/data/pipeline/memory_reader.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

Dataset coded_dataset(DataConfig const& config,
                      WindowShape shape = {},
                      std::array<int64_t, 3> patch = kAnyPatch) {
  return Dataset(coded_reader({6, 9}), config, Split::all, shape, patch);
}

/// One series of 5 frames; velocity_y misses two cells of frame 3.
std::unique_ptr<MemoryReader> holey_reader() {
  auto series = coded_series(0, 5);
  series[3][2][0][1][1] = kNan;
  series[3][2][0][4][5] = kNan;
  return std::make_unique<MemoryReader>(
      some_fields(), some_grid(), std::vector<at::Tensor>{series});
}

TEST(Dataset, WindowsCoverEverySeries) {
  auto const data =
      coded_dataset(plain_config(), {.history = 2, .horizon = 1, .stride = 2});  // spans 5 frames
  ASSERT_EQ(data.windows(), 2 + 5);
  EXPECT_EQ(data.window(0), (WindowAddress{0, 0}));
  EXPECT_EQ(data.window(1), (WindowAddress{0, 1}));
  EXPECT_EQ(data.window(2), (WindowAddress{1, 0}));
  EXPECT_EQ(data.window(6), (WindowAddress{1, 4}));
}

TEST(Dataset, HasTheWindowsOfAllStrides) {
  auto config = plain_config();
  config.strides = {1, 2};
  auto const data = coded_dataset(config);
  ASSERT_EQ(data.windows(), (5 + 8) + (4 + 7));
  EXPECT_EQ(data.window(12), (WindowAddress{1, 7, 0}));
  EXPECT_EQ(data.window(13), (WindowAddress{0, 0, 1}));
  EXPECT_EQ(data.window(23), (WindowAddress{1, 6, 1}));
  EXPECT_EQ(data.batch_spec()->step, 2.0);
  EXPECT_EQ(data.batch_spec()->more_steps, (std::vector<double>{4}));
}

TEST(Dataset, SeriesShorterThanAWindowHaveNone) {
  auto const data = coded_dataset(plain_config(), {.history = 7});
  ASSERT_EQ(data.windows(), 2);
  EXPECT_EQ(data.window(0), (WindowAddress{1, 0}));
}

TEST(Dataset, TargetsMayBeginLaterThanInputs) {
  auto config = plain_config();
  config.splits.by = SplitBy::frames;
  config.splits.test = {.first = 600, .last = 743, .targets_first = 624};
  std::vector<at::Tensor> const series = {at::zeros({744, 3, 1, 8, 6})};
  Dataset const data(std::make_unique<MemoryReader>(some_fields(), some_grid(), series),
                     config,
                     Split::test,
                     {.history = 4, .stride = 6},
                     kAnyPatch);
  ASSERT_EQ(data.windows(), 744 - 624);
  auto const first = target_frames(data.window_shape(), data.window(0));
  auto const last = target_frames(data.window_shape(), data.window(data.windows() - 1));
  EXPECT_EQ(600 + first.first, 624);
  EXPECT_EQ(600 + last.first, 743);
  EXPECT_EQ(data.window(0).first, 0) << "inputs of hour 600 are the first";
}

TEST(Dataset, ReadsTheFramesOfItsPart) {
  auto config = plain_config();
  config.splits.by = SplitBy::frames;
  config.splits.test = {.first = 2, .last = 5};
  Dataset data(coded_reader({6, 9}), config, Split::test, {}, kAnyPatch);
  EXPECT_EQ(data.frames(1), 4);
  auto const read = data.read({1, 1, 2, 2});  // frames 3 and 5 of the file
  EXPECT_TRUE(read.values.equal(coded_series(1, 9).slice(0, 3, 6, 2)));
  EXPECT_EQ(read.times, (std::vector<double>{6, 10}));
  EXPECT_EQ(read.spec->fields, some_fields());
}

TEST(Dataset, FieldsComeInTheAskedOrder) {
  auto config = plain_config();
  config.fields = {"velocity", "density"};
  auto data = coded_dataset(config);
  EXPECT_EQ(data.state_spec()->fields.channel_names(),
            (std::vector<std::string>{"velocity_x", "velocity_y", "density"}));
  auto const values = data.read({0, 0, 1, 1}).values;
  auto const file = coded_series(0, 6);
  EXPECT_TRUE(values[0][0].equal(file[0][1]));
  EXPECT_TRUE(values[0][2].equal(file[0][0]));
}

TEST(Dataset, SaysWhichFieldIsNotThere) {
  auto config = plain_config();
  config.fields = {"densty"};
  auto const text = message_of([&] { coded_dataset(config); });
  EXPECT_THAT(text, HasSubstr("did you mean 'density'"));
  EXPECT_THAT(text, HasSubstr("while reading data.fields"));
}

TEST(Dataset, RefusesMissingValuesByNameFrameAndCount) {
  Dataset data(holey_reader(), plain_config(), Split::all, {}, kAnyPatch);
  EXPECT_EQ(data.read({0, 0, 3, 1}).frames(), 3) << "frames without holes can be read";
  auto const text = message_of([&] { data.read({0, 1, 4, 1}); });
  EXPECT_THAT(text, HasSubstr("field 'velocity_y' has 2 missing values (NaN) of 48 in frame 3"));
  EXPECT_THAT(text, HasSubstr("while reading series 0"));
}

TEST(Dataset, InfinitiesAreNotMissing) {
  auto series = coded_series(0, 3);
  series[0][0][0][0][0] = std::numeric_limits<float>::infinity();
  series[0][0][0][0][1] = -std::numeric_limits<float>::infinity();
  Dataset data(
      std::make_unique<MemoryReader>(some_fields(), some_grid(), std::vector<at::Tensor>{series}),
      plain_config(),
      Split::all,
      {},
      kAnyPatch);
  EXPECT_NO_THROW(data.read({0, 0, 1, 1}));
}

TEST(Dataset, MaskLeavesOutMissingAndAddedCells) {
  auto config = plain_config();
  config.missing = Missing::mask;
  config.fit = FitMode::pad;
  Dataset data(holey_reader(), config, Split::all, {}, {1, 5, 6});
  auto const mask = data.mask_of(data.read({0, 3, 1, 1}).values);
  ASSERT_EQ(mask.sizes().vec(), (std::vector<int64_t>{1, 3, 1, 10, 6}));
  EXPECT_EQ(mask[0][0].sum().item<float>(), 48);
  EXPECT_EQ(mask[0][2].sum().item<float>(), 46);
}

TEST(Dataset, WithMeanOnlyAddedCellsDoNotCount) {
  auto config = plain_config();
  config.missing = Missing::mean;
  Dataset data(holey_reader(), config, Split::all, {}, kAnyPatch);
  EXPECT_FALSE(data.has_mask());
  EXPECT_EQ(data.mask_of(data.read({0, 3, 1, 1}).values).sum().item<float>(), 3 * 48);
}

TEST(Dataset, WithZeroHolesAreZerosThatCount) {
  auto config = plain_config();
  config.missing = Missing::zero;
  Dataset data(holey_reader(), config, Split::all, {}, kAnyPatch);
  auto const values = data.read({0, 3, 1, 1}).values;
  auto holey = plain_config();
  holey.missing = Missing::mask;
  auto const expected =
      Dataset(holey_reader(), holey, Split::all, {}, kAnyPatch).read({0, 3, 1, 1}).values;
  EXPECT_TRUE(expected.isnan().any().item<bool>());
  EXPECT_TRUE(values.equal(expected.nan_to_num(0)));
  EXPECT_FALSE(data.has_mask());
}

TEST(Dataset, CroppedDataAreReadCropped) {
  auto config = plain_config();
  config.fit = FitMode::crop;
  Dataset data(coded_reader({4}), config, Split::all, {}, {1, 3, 4});
  auto const values = data.read({0, 0, 4, 1}).values;
  EXPECT_TRUE(values.equal(coded_series(0, 4).narrow(3, 1, 6).narrow(4, 1, 4)));
  EXPECT_EQ(data.bytes_read(), static_cast<int64_t>(values.nbytes()));
  EXPECT_EQ(data.state_spec()->grid.shape(), (std::array<int64_t, 3>{1, 6, 4}));
}

TEST(Dataset, KnownFieldsFollowTheStateInTheSpec) {
  auto config = plain_config();
  config.time_features = {"hour_of_day"};
  config.constant_inputs = {"orography"};
  config.target_fields = {"velocity"};
  auto reader = coded_reader({4});
  reader->set_constants(FieldSet({{.name = "land"}, {.name = "orography"}}),
                        at::arange(96, at::kFloat).view({2, 1, 8, 6}));
  Dataset data(std::move(reader), config, Split::all, {}, kAnyPatch);
  auto const& spec = *data.batch_spec();
  EXPECT_EQ(spec.input_fields.channel_names(),
            (std::vector<std::string>{"density",
                                      "velocity_x",
                                      "velocity_y",
                                      "hour_of_day_sin",
                                      "hour_of_day_cos",
                                      "orography"}));
  EXPECT_EQ(spec.known_fields.channels(), 3);
  EXPECT_EQ(spec.output_fields.channel_names(),
            (std::vector<std::string>{"velocity_x", "velocity_y"}));
  EXPECT_EQ(data.known_at(0, {6})[0][2][0][0][0].item<float>(), 48)
      << "orography is the second constant field";
  EXPECT_EQ(data.constants(0).size(0), 2);
}

TEST(Dataset, ParametersOfTheSeriesAreScalars) {
  auto data = coded_dataset(plain_config());
  EXPECT_EQ(data.batch_spec()->scalars, std::vector<std::string>{"nu"});
  auto const scalars = data.scalars({1, 0, 2, 1});
  ASSERT_EQ(scalars.sizes().vec(), (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(scalars[1][0].item<float>(), 1.5F);
}

TEST(Dataset, StepIsTheTimeThatAPredictionGoesAhead) {
  // frames are 2 h apart
  EXPECT_EQ(coded_dataset(plain_config(), {.stride = 3}).batch_spec()->step, 6);
  EXPECT_EQ(coded_dataset(plain_config(), {.input_stride = 2, .lead = 2}).batch_spec()->step, 4);
}

TEST(Dataset, StepIsUnknownWhereEverySeriesHasOneFrame) {
  Dataset const one(coded_reader({1, 1}), plain_config(), Split::all, {}, kAnyPatch);
  EXPECT_FALSE(one.batch_spec()->step.has_value());
  Dataset const two(coded_reader({1, 2}), plain_config(), Split::all, {}, kAnyPatch);
  EXPECT_EQ(two.batch_spec()->step, 2) << "the second series tells";
}

TEST(Dataset, RefusesFramesBeyondItsPart) {
  auto data = coded_dataset(plain_config());
  EXPECT_THAT(message_of([&] {
                data.read({0, 4, 3, 1});
              }),
              HasSubstr("frames 4 to 6 of series 0 were asked for; its all part has 6"));
  EXPECT_THAT(message_of([&] { data.read({2, 0, 1, 1}); }), HasSubstr("there is no trajectory 2"));
}

TEST(Dataset, ComparesOnThePartThatIsPredicted) {
  auto data = coded_dataset(plain_config());
  data.predict_part({.cells = {8, 6}, .rows = {2, 3}, .columns = {4, 5}});
  EXPECT_EQ(data.batch_spec()->input_grid.shape(), (std::array<int64_t, 3>{1, 8, 6}));
  EXPECT_EQ(data.batch_spec()->output_grid.shape(), (std::array<int64_t, 3>{1, 2, 2}));
  EXPECT_TRUE(data.compared_grid() == data.batch_spec()->output_grid);
  auto const state = coded_series(0, 1);
  auto const part = data.compared(state);
  EXPECT_TRUE(part.equal(state.narrow(3, 2, 2).narrow(4, 4, 2)));
  EXPECT_TRUE(data.compared_forecast(part).equal(part));
}

TEST(Dataset, RefusesAPartOfAnotherGridOrOfAddedCells) {
  auto data = coded_dataset(plain_config());
  EXPECT_THAT(message_of([&] {
                data.predict_part({{8, 12}, {0}, {0}});
              }),
              HasSubstr("a grid with 8 x 12 cells, the data have 8 x 6"));
  auto config = plain_config();
  config.fit = FitMode::pad;
  auto padded = coded_dataset(config, {}, {1, 5, 1});
  EXPECT_THAT(message_of([&] {
                padded.predict_part({{10, 6}, {0}, {0}});
              }),
              HasSubstr("predicts a part of the grid; use"));
}

TEST(Dataset, EveryFieldIsAnInputOrATarget) {
  auto config = plain_config();
  config.input_fields = {"velocity"};
  config.target_fields = {"density"};
  auto const data = coded_dataset(config);
  EXPECT_EQ(data.batch_spec()->input_fields.channel_names(),
            (std::vector<std::string>{"velocity_x", "velocity_y"}));
  EXPECT_EQ(data.inputs().channels, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(data.outputs().channels, (std::vector<int64_t>{0}));
  config.target_fields = {"velocity"};
  EXPECT_THAT(message_of([&] { coded_dataset(config); }),
              HasSubstr("field 'density' is neither in data.input_fields nor in "
                        "data.target_fields; leave it out of data.fields"));
}

}  // namespace
}  // namespace eddyline
