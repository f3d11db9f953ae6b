#include "data/pipeline/batch_maker.hpp"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "tests/data/pipeline/memory_reader.hpp"

namespace eddyline {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

Batch make(Dataset& data, std::vector<int64_t> const& samples) {
  return BatchMaker(data, compute_statistics(data, Communicator::self()), at::kCPU).make(samples);
}

TEST(BatchMaker, InputsAndTargetsAreTheFramesOfTheirWindows) {
  Dataset data(
      coded_reader({6, 9}), plain_config(), Split::all, {.history = 2, .horizon = 2}, kAnyPatch);
  auto const batch = make(data, {1, 3});  // window 3 is the first of series 1
  ASSERT_EQ(batch.input.sizes().vec(), (std::vector<int64_t>{2, 2, 3, 1, 8, 6}));
  EXPECT_TRUE(batch.input[0].equal(coded_series(0, 6).narrow(0, 1, 2)));
  EXPECT_TRUE(batch.target[0].equal(coded_series(0, 6).narrow(0, 3, 2)));
  EXPECT_TRUE(batch.input[1].equal(coded_series(1, 9).narrow(0, 0, 2)));
  EXPECT_EQ(batch.sample_ids, (std::vector<int64_t>{1, 3}));
  EXPECT_EQ(batch.spec, data.batch_spec());
}

TEST(BatchMaker, InputAndTargetShareOneReadOfTheFrames) {
  Dataset data(
      coded_reader({6}), plain_config(), Split::all, {.history = 2, .horizon = 1}, kAnyPatch);
  BatchMaker maker(data, compute_statistics(data, Communicator::self()), at::kCPU);
  auto const before = data.bytes_read();
  auto const batch = maker.make({0});
  EXPECT_EQ(data.bytes_read() - before, 3 * 3 * 48 * 4);
  EXPECT_EQ(batch.target.storage().data(), batch.input.storage().data()) << "two views, no copy";
}

TEST(BatchMaker, UnevenWindowsReadInputsAndTargetsApart) {
  Dataset data(coded_reader({12}),
               plain_config(),
               Split::all,
               {.history = 2, .horizon = 2, .stride = 1, .input_stride = 2, .lead = 3},
               kAnyPatch);
  auto const batch = make(data, {1});
  EXPECT_TRUE(batch.input[0].equal(coded_series(0, 12).slice(0, 1, 4, 2)));
  EXPECT_TRUE(batch.target[0].equal(coded_series(0, 12).slice(0, 6, 8, 1)));
  EXPECT_EQ(batch.lead_time[0].item<float>(), 6) << "3 frames, 2 h apart";
}

TEST(BatchMaker, LeadTimesFollowTheStridesOfTheSamples) {
  auto config = plain_config();
  config.strides = {1, 3};
  Dataset data(coded_reader({8}), config, Split::all, {.history = 2, .horizon = 1}, kAnyPatch);
  auto const batch = make(data, {1, 6 + 1});  // 6 windows of stride 1, then 2 of stride 3
  EXPECT_TRUE(batch.lead_time.equal(at::tensor({2.0F, 6.0F}))) << "frames are 2 h apart";
  EXPECT_TRUE(batch.input[0].equal(coded_series(0, 8).slice(0, 1, 3, 1)));
  EXPECT_TRUE(batch.target[0][0].equal(coded_series(0, 8)[3]));
  EXPECT_TRUE(batch.input[1].equal(coded_series(0, 8).slice(0, 1, 5, 3)));
  EXPECT_TRUE(batch.target[1][0].equal(coded_series(0, 8)[7]));
}

TEST(BatchMaker, TargetsMayBeFewerFields) {
  auto config = plain_config();
  config.target_fields = {"velocity"};
  Dataset data(coded_reader({4}), config, Split::all, {}, kAnyPatch);
  auto const batch = make(data, {0});
  EXPECT_TRUE(batch.target[0][0].equal(coded_series(0, 4)[1].narrow(0, 1, 2)));
  EXPECT_EQ(batch.target_norm.mean.size(1), 2);
}

TEST(BatchMaker, KnownInputsFollowTheirOwnFramesTimes) {
  auto config = plain_config();
  config.time_features = {"hour_of_day"};
  Dataset data(coded_reader({8}), config, Split::all, {.history = 2, .horizon = 2}, kAnyPatch);
  auto const batch = make(data, {1});  // frames 1, 2 and 3, 4 at 2, 4, 6, 8 h
  ASSERT_EQ(batch.input.size(2), 5);
  ASSERT_EQ(batch.forcing.sizes().vec(), (std::vector<int64_t>{1, 2, 2, 1, 8, 6}));
  auto const sine = [](double hour) { return static_cast<float>(std::sin(hour / 24 * 2 * M_PI)); };
  EXPECT_EQ(batch.input[0][0][3].max().item<float>(), sine(2));
  EXPECT_EQ(batch.input[0][1][3].min().item<float>(), sine(4));
  EXPECT_EQ(batch.forcing[0][1][0].max().item<float>(), sine(8));
}

TEST(BatchMaker, MaskedHolesAreFilledWithTheTrainingMean) {
  auto series = coded_series(0, 4);
  series[2][1][0][3][3] = kNan;
  auto config = plain_config();
  config.missing = Missing::mask;
  Dataset data(
      std::make_unique<MemoryReader>(some_fields(), some_grid(), std::vector<at::Tensor>{series}),
      config,
      Split::all,
      {.history = 1, .horizon = 2},
      kAnyPatch);
  auto const statistics = compute_statistics(data, Communicator::self());
  auto const batch = BatchMaker(data, statistics, at::kCPU).make({0, 1});
  EXPECT_FALSE(batch.input.isnan().any().item<bool>());
  EXPECT_EQ(batch.target[0][1][1][0][3][3].item<float>(), static_cast<float>(statistics.mean[1]));
  ASSERT_EQ(batch.mask.sizes().vec(), (std::vector<int64_t>{2, 3, 1, 8, 6}));
  EXPECT_EQ(batch.mask[0][1][0][3][3].item<float>(), 0) << "missing in one of the target frames";
  EXPECT_EQ(batch.mask.sum().item<float>(), 2 * 3 * 48 - 2);
}

TEST(BatchMaker, TellsWhatIsMissingInEveryInputFrame) {
  auto series = coded_series(0, 4);
  series.select(1, 0).select(2, 2).fill_(kNan);  // land, for density
  series[1][1][0][3][3] = kNan;                  // a gap
  auto config = plain_config();
  config.missing = Missing::mask;
  Dataset data(
      std::make_unique<MemoryReader>(some_fields(), some_grid(), std::vector<at::Tensor>{series}),
      config,
      Split::all,
      {.history = 2},
      kAnyPatch);
  auto const batch = make(data, {0});
  auto expected = at::zeros({1, 3, 1, 8, 6}, at::kBool);
  expected[0][0][0][2].fill_(true);
  EXPECT_TRUE(at::equal(batch.absent, expected));
}

TEST(BatchMaker, FilledHolesCountWithMean) {
  auto series = coded_series(0, 4);
  series[2][1][0][3][3] = kNan;
  auto config = plain_config();
  config.missing = Missing::mean;
  Dataset data(
      std::make_unique<MemoryReader>(some_fields(), some_grid(), std::vector<at::Tensor>{series}),
      config,
      Split::all,
      {},
      kAnyPatch);
  auto const batch = make(data, {1});
  EXPECT_FALSE(batch.target.isnan().any().item<bool>());
  EXPECT_FALSE(batch.mask.defined());
}

TEST(BatchMaker, PaddedCellsAreMasked) {
  auto config = plain_config();
  config.fit = FitMode::pad;
  Dataset data(coded_reader({4}), config, Split::all, {}, {1, 5, 6});
  auto const batch = make(data, {0});
  EXPECT_EQ(batch.input.size(4), 10);
  EXPECT_EQ(batch.mask.sum().item<float>(), 3 * 48);
}

TEST(BatchMaker, MirrorsStatesAndConstantsOfTheSamplesThatAreTold) {
  auto reader = coded_reader({4, 4});
  auto const orography = at::arange(48, at::kFloat).view({1, 1, 8, 6});
  reader->set_constants(FieldSet({{.name = "orography"}}), orography);
  auto config = plain_config();
  config.constant_inputs = {"orography"};
  config.coordinates = true;
  config.normalisation = Normalisation::window;
  config.pooling = Pooling::channel;
  Dataset data(std::move(reader), config, Split::all, {}, kAnyPatch);
  BatchMaker maker(data, compute_statistics(data, Communicator::self()), at::kCPU);
  auto const plain = maker.make({0, 4});
  Flips const along_x = {false, true, false};
  auto const batch = maker.make({0, 4}, {Flips{}, along_x});
  EXPECT_TRUE(batch.input[0].equal(plain.input[0]));
  auto const state = mirrored(plain.input[1].narrow(1, 0, 3), some_fields(), some_grid(), along_x);
  EXPECT_TRUE(batch.input[1].narrow(1, 0, 3).equal(state));
  EXPECT_TRUE(batch.input[1].narrow(1, 3, 2).equal(plain.input[1].narrow(1, 3, 2)))
      << "coordinates stay";
  EXPECT_TRUE(batch.input[1][0][5].equal(orography[0].flip({1})));
  EXPECT_TRUE(batch.forcing[1][0][2].equal(orography[0].flip({1})));
  EXPECT_TRUE(batch.constants[1].equal(orography.flip({2})));
  EXPECT_TRUE(
      batch.target[1].equal(mirrored(plain.target[1], some_fields(), some_grid(), along_x)));
  EXPECT_NEAR(
      batch.input_norm.mean[1][1].item<double>(), -plain.input_norm.mean[1][1].item<double>(), 1e-3)
      << "of the mirrored window; a float32 mean at 1000";
}

TEST(BatchMaker, MirrorsWhatThePaddedCellsAreMadeFrom) {
  auto config = plain_config();
  config.fit = FitMode::pad;
  Dataset data(coded_reader({4}), config, Split::all, {}, {1, 5, 5});  // y: 6 cells, 2 + 2 added
  BatchMaker maker(data, compute_statistics(data, Communicator::self()), at::kCPU);
  Flips const along_y = {false, false, true};
  auto const batch = maker.make({0}, {along_y});
  auto const inner =
      mirrored(coded_series(0, 4).narrow(0, 0, 1), some_fields(), some_grid(), along_y);
  EXPECT_TRUE(batch.input[0].equal(data.fit().apply(inner)));
}

TEST(BatchMaker, OracleUsesTheWholeTrajectoryOfEachSample) {
  auto config = plain_config();
  config.normalisation = Normalisation::oracle;
  Dataset data(coded_reader({6, 9}), config, Split::all, {}, kAnyPatch);
  auto const batch = make(data, {0, 5});
  auto const second = oracle_norm(coded_series(1, 9), some_fields());
  EXPECT_TRUE(batch.input_norm.mean[1].equal(second.mean[0]));
  EXPECT_TRUE(batch.input_norm.scale[1].equal(second.scale[0]));
}

TEST(BatchMaker, AnEmptyShareIsABatchOfNoSamples) {
  Dataset data(coded_reader({4}), plain_config(), Split::all, {}, kAnyPatch);
  auto const batch = make(data, {});
  EXPECT_EQ(batch.input.sizes().vec(), (std::vector<int64_t>{0, 1, 3, 1, 8, 6}));
  EXPECT_EQ(batch.size(), 0);
}

TEST(BatchMaker, ScalarsAndConstantsComeWithEachSample) {
  auto reader = coded_reader({4, 4});
  reader->set_constants(FieldSet({{.name = "orography"}}),
                        at::arange(48, at::kFloat).view({1, 1, 8, 6}));
  Dataset data(std::move(reader), plain_config(), Split::all, {}, kAnyPatch);
  auto const batch = make(data, {0, 4});
  EXPECT_EQ(batch.constants.sizes().vec(), (std::vector<int64_t>{2, 1, 1, 8, 6}));
  EXPECT_TRUE(batch.scalars.equal(at::tensor({0.5F, 1.5F}).view({2, 1})));
}

TEST(BatchMaker, TargetsAndMasksCoverThePartThatIsPredicted) {
  auto config = plain_config();
  config.missing = Missing::mask;
  auto series = coded_series(0, 3);
  series[1][1][0][3][5] = kNan;
  Dataset data(
      std::make_unique<MemoryReader>(some_fields(), some_grid(), std::vector<at::Tensor>{series}),
      config,
      Split::all,
      {},
      kAnyPatch);
  data.predict_part({.cells = {8, 6}, .rows = {2, 3}, .columns = {5, 0}});
  auto const batch = make(data, {0});
  EXPECT_EQ(batch.input.sizes().vec(), (std::vector<int64_t>{1, 1, 3, 1, 8, 6}));
  ASSERT_EQ(batch.target.sizes().vec(), (std::vector<int64_t>{1, 1, 3, 1, 2, 2}));
  EXPECT_EQ(batch.target[0][0][2][0][0][1].item<float>(), series[1][2][0][2][0].item<float>());
  ASSERT_EQ(batch.mask.sizes().vec(), (std::vector<int64_t>{1, 3, 1, 2, 2}));
  EXPECT_EQ(batch.mask[0][1][0][1][0].item<float>(), 0);
  EXPECT_EQ(batch.mask.sum().item<float>(), 11);
  EXPECT_EQ(batch.spec->output_grid.shape(), (std::array<int64_t, 3>{1, 2, 2}));
}

TEST(BatchMaker, AProjectionsTargetIsOfItsNewestInputFrame) {
  auto config = plain_config();
  config.input_fields = {"velocity"};
  config.target_fields = {"density"};
  Dataset data(coded_reader({6}),
               config,
               Split::all,
               {.history = 3, .target_time = TargetTime::same},
               kAnyPatch);
  EXPECT_EQ(data.windows(), 4);
  EXPECT_EQ(data.batch_spec()->step.value(), 0);
  auto const batch = make(data, {1});
  auto const series = coded_series(0, 6);
  EXPECT_TRUE(batch.input[0].equal(series.narrow(0, 1, 3).narrow(1, 1, 2)));
  EXPECT_TRUE(batch.target[0][0].equal(series[3].narrow(0, 0, 1)));
  EXPECT_EQ(batch.lead_time[0].item<float>(), 0);
}

}  // namespace
}  // namespace eddyline
