#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "core/random.hpp"
#include "data/pipeline/statistics.hpp"
#include "tests/data/pipeline/memory_reader.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

constexpr double kTolerance = 1e-12;  // float64 sums of some thousand values of order 10

at::Tensor random_series(int64_t frames, int64_t seed) {
  auto values = at::empty({frames, 3, 1, 8, 6});
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < frames; ++i) {
    rows.push_back(i);
  }
  fill_normal(values, {.seed = static_cast<uint64_t>(seed)}, rows);
  return values * at::tensor({1.0F, 2.0F, 3.0F}).view({1, 3, 1, 1, 1}) + 7;
}

std::vector<at::Tensor> random_set() {
  return {random_series(5, 1), random_series(1, 2), random_series(11, 3), random_series(300, 4)};
}

Dataset dataset_of(std::vector<at::Tensor> const& series,
                   DataConfig const& config = plain_config(),
                   WindowShape shape = {},
                   std::array<int64_t, 3> patch = kAnyPatch) {
  return Dataset(std::make_unique<MemoryReader>(some_fields(), some_grid(), series),
                 config,
                 Split::all,
                 shape,
                 patch);
}

/// Mean and population std of channel c in float64 by the definition, over all that is there.
std::pair<double, double> by_definition(std::vector<at::Tensor> const& parts, int64_t c) {
  std::vector<at::Tensor> values;
  for (auto const& part : parts) {
    values.push_back(part.select(1, c).flatten().to(at::kDouble));
  }
  auto all = at::cat(values);
  all = all.masked_select(all.isnan().logical_not());
  return {all.mean().item<double>(), all.std(/*unbiased=*/false).item<double>()};
}

TEST(ComputeStatistics, AreTheMomentsOfAllValues) {
  auto data = dataset_of(random_set());
  auto const statistics = compute_statistics(data, Communicator::world());
  for (int64_t c = 0; c < 3; ++c) {
    auto const [mean, std] = by_definition(random_set(), c);
    auto const i = static_cast<size_t>(c);
    EXPECT_NEAR(statistics.mean[i], mean, kTolerance);
    EXPECT_NEAR(statistics.std[i], std, kTolerance);
    EXPECT_NEAR(statistics.rms[i], std::hypot(mean, std), kTolerance);
    EXPECT_EQ(statistics.count[i], 317 * 48);
  }
}

TEST(ComputeStatistics, DeltasAreOfFramesALeadApart) {
  auto data = dataset_of(random_set(), plain_config(), {.stride = 2});
  auto const statistics = compute_statistics(data, Communicator::world());
  std::vector<at::Tensor> deltas;
  for (auto const& series : random_set()) {
    auto const n = series.size(0);
    if (n > 2) {
      deltas.push_back(series.narrow(0, 2, n - 2).to(at::kDouble) -
                       series.narrow(0, 0, n - 2).to(at::kDouble));
    }
  }
  EXPECT_EQ(statistics.delta_frames, 2);
  for (int64_t c = 0; c < 3; ++c) {
    auto const [mean, std] = by_definition(deltas, c);
    EXPECT_NEAR(statistics.mean_delta[static_cast<size_t>(c)], mean, kTolerance);
    EXPECT_NEAR(statistics.std_delta[static_cast<size_t>(c)], std, kTolerance);
  }
}

TEST(ComputeStatistics, HaveTheSameBitsOnAnyNumberOfRanks) {
  auto data = dataset_of(random_set());
  auto alone = dataset_of(random_set());
  auto const together = compute_statistics(data, Communicator::world());
  auto const one = compute_statistics(alone, Communicator::self());
  EXPECT_EQ(together.mean, one.mean);
  EXPECT_EQ(together.std, one.std);
  EXPECT_EQ(together.std_delta, one.std_delta);
}

TEST(ComputeStatistics, EachRankReadsItsShareOnce) {
  auto data = dataset_of(random_set());
  auto const world = Communicator::world();
  compute_statistics(data, world);
  auto const all = 317 * 3 * 48 * static_cast<int64_t>(sizeof(float));
  auto const frame = all / 317;
  // A rank reads one frame more for its last delta, and segments are of one or two frames.
  EXPECT_LE(data.bytes_read(), all / world.size() + 3 * frame);
}

TEST(ComputeStatistics, LeaveMissingValuesOut) {
  auto series = random_set();
  series[0][2][1].fill_(std::numeric_limits<float>::quiet_NaN());
  auto config = plain_config();
  config.missing = Missing::mask;
  auto data = dataset_of(series, config);
  auto const statistics = compute_statistics(data, Communicator::world());
  auto const [mean, std] = by_definition(series, 1);
  EXPECT_NEAR(statistics.mean[1], mean, kTolerance);
  EXPECT_NEAR(statistics.std[1], std, kTolerance);
  EXPECT_EQ(statistics.count[1], 316 * 48);
}

TEST(ComputeStatistics, PaddedCellsDoNotCount) {
  auto config = plain_config();
  config.fit = FitMode::pad;
  auto padded = dataset_of(random_set(), config, {}, {1, 5, 4});
  auto plain = dataset_of(random_set());
  EXPECT_EQ(compute_statistics(padded, Communicator::world()).mean,
            compute_statistics(plain, Communicator::world()).mean);
}

TEST(ComputeStatistics, MayWeighCellsByVolume) {
  Axis x{.name = "x", .coordinates = {0, 1}, .edges = {0, 1, 4}};  // cells of length 1 and 3
  auto const series = at::tensor({2.0F, 6.0F}).view({1, 1, 1, 1, 2});
  Dataset data(std::make_unique<MemoryReader>(
                   FieldSet({{.name = "u"}}), Grid({x}), std::vector<at::Tensor>{series}),
               plain_config(),
               Split::all,
               {},
               kAnyPatch);
  EXPECT_DOUBLE_EQ(compute_statistics(data, Communicator::world()).mean[0], 4);
  EXPECT_DOUBLE_EQ(
      compute_statistics(data, Communicator::world(), {.weights = CellWeights::volume}).mean[0],
      (2 + 3 * 6) / 4.0);
}

TEST(ComputeStatistics, CoverConstantFields) {
  auto reader = coded_reader({3, 3});
  reader->set_constants(FieldSet({{.name = "orography"}}),
                        at::arange(48, at::kFloat).view({1, 1, 8, 6}));
  Dataset data(std::move(reader), plain_config(), Split::all, {}, kAnyPatch);
  auto const statistics = compute_statistics(data, Communicator::world());
  EXPECT_EQ(statistics.constant_channels, std::vector<std::string>{"orography"});
  EXPECT_DOUBLE_EQ(statistics.constant_mean[0], 23.5);
}

TEST(ComputeStatistics, AnErrorOnOneRankIsThrownOnAll) {
  auto series = random_set();
  series[0][0][0].fill_(
      std::numeric_limits<float>::quiet_NaN());  // rank 0 reads it, the others do not
  auto data = dataset_of(series);
  EXPECT_THAT(message_of([&] { compute_statistics(data, Communicator::world()); }),
              HasSubstr("field 'density' has 48 missing values"));
}

TEST(ComputeStatistics, RefuseAChannelWithoutAnyValue) {
  auto series = random_set();
  for (auto& one : series) {
    one.select(1, 2).fill_(std::numeric_limits<float>::quiet_NaN());
  }
  auto config = plain_config();
  config.missing = Missing::mean;
  auto data = dataset_of(series, config);
  EXPECT_THAT(message_of([&] { compute_statistics(data, Communicator::world()); }),
              HasSubstr("channel 'velocity_y' of 'memory' has no value"));
}

}  // namespace
}  // namespace eddyline
