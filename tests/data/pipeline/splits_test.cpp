#include "data/pipeline/splits.hpp"

#include <gmock/gmock.h>

#include <set>

#include <gtest/gtest.h>

#include "tests/data/pipeline/memory_reader.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

DatasetSpec series_of(std::vector<int64_t> const& frames) {
  return coded_reader(frames, 2, 2)->spec();
}

DataConfig by_frames() {
  auto config = plain_config();
  config.splits.by = SplitBy::frames;
  return config;
}

TEST(Splits, GivenSplitsUseEverySeriesWhole) {
  auto const parts = split_series(series_of({5, 7}), plain_config(), Split::train);
  EXPECT_EQ(parts, (std::vector<SplitPart>{{0, 0, 4, 0}, {1, 0, 6, 0}}));
}

TEST(Splits, WholeSeriesGoToOnePartOnly) {
  auto config = plain_config();
  config.splits.by = SplitBy::trajectories;
  config.splits.order = SplitOrder::shuffled;
  auto const data = series_of(std::vector<int64_t>(20, 4));
  std::set<int64_t> seen;
  size_t total = 0;
  for (auto const split : {Split::train, Split::valid, Split::test}) {
    auto const parts = split_series(data, config, split);
    EXPECT_EQ(parts.size(), split == Split::train ? 16U : 2U);
    total += parts.size();
    for (auto const& part : parts) {
      seen.insert(part.series);
    }
  }
  EXPECT_EQ(seen.size(), total);
}

TEST(Splits, TheSeedDecidesTheShuffledOrder) {
  auto config = plain_config();
  config.splits.by = SplitBy::trajectories;
  config.splits.order = SplitOrder::shuffled;
  auto const data = series_of(std::vector<int64_t>(20, 4));
  auto const first = split_series(data, config, Split::test);
  EXPECT_EQ(split_series(data, config, Split::test), first);
  config.splits.seed = 1;
  EXPECT_NE(split_series(data, config, Split::test), first);
}

TEST(Splits, TheGapIsThatOfTheWidestStride) {
  auto config = by_frames();
  config.strides = {1, 4};  // spans 5 frames with a lead of 4
  auto const train = split_series(series_of({100}), config, Split::train);
  auto const valid = split_series(series_of({100}), config, Split::valid);
  EXPECT_EQ(valid[0].first - train[0].last - 1, 5 + 4);
}

TEST(Splits, PartsOfASeriesLeaveAGapOfWindowAndLead) {
  auto config = by_frames();
  config.history = 4;
  config.stride = 6;
  auto const data = series_of({744});
  auto const train = split_series(data, config, Split::train).at(0);
  auto const valid = split_series(data, config, Split::valid).at(0);
  auto const test = split_series(data, config, Split::test).at(0);
  auto const gap = (3 * 6 + 6 + 1) + 6;  // span of the window, and its lead
  EXPECT_EQ(valid.first - train.last - 1, gap);
  EXPECT_EQ(test.first - valid.last - 1, gap);
  EXPECT_EQ(train.first, 0);
  EXPECT_EQ(test.last, 743);
}

TEST(Splits, NamedFramesAreTakenAsTheyAre) {
  auto config = by_frames();
  config.splits.train = {.first = 0, .last = 599};
  config.splits.test = {.first = 600, .targets_first = 624};
  auto const data = series_of({744});
  EXPECT_EQ(split_series(data, config, Split::train), (std::vector<SplitPart>{{0, 0, 599, 0}}));
  EXPECT_EQ(split_series(data, config, Split::test), (std::vector<SplitPart>{{0, 600, 743, 624}}));
}

TEST(Splits, RefusesPartsThatShareFrames) {
  auto config = by_frames();
  config.splits.train = {.first = 0, .last = 599};
  config.splits.test = {.first = 590, .last = 743};
  auto const text = message_of([&] { split_series(series_of({744}), config, Split::train); });
  EXPECT_THAT(
      text,
      HasSubstr(
          "data.splits.train (frames 0 to 599) and data.splits.test (frames 590 to 743) overlap"));
}

TEST(Splits, RefusesFramesOutsideTheSeries) {
  auto config = by_frames();
  config.splits.train = {.first = 0, .last = 800};
  EXPECT_THAT(message_of([&] { split_series(series_of({744}), config, Split::train); }),
              HasSubstr("frames 0 to 743"));
}

TEST(Splits, RefusesAPartWithoutFramesWhenOthersAreNamed) {
  auto config = by_frames();
  config.splits.train = {.first = 0, .last = 8};
  EXPECT_THAT(message_of([&] { split_series(series_of({10}), config, Split::valid); }),
              HasSubstr("set data.splits.valid.first"));
}

TEST(Splits, RefusesNamedFramesThatWouldNotBeUsed) {
  auto config = plain_config();
  config.splits.train = {.first = 0, .last = 8};
  EXPECT_THAT(message_of([&] { split_series(series_of({10}), config, Split::train); }),
              HasSubstr("set data.splits.by=frames"));
}

TEST(Splits, RefusesSharesThatAreNone) {
  auto config = by_frames();
  config.splits.fractions = {0.9, 0.2, 0.1};
  EXPECT_THAT(message_of([&] { split_series(series_of({100}), config, Split::train); }),
              HasSubstr("data.splits.fractions is 0.9, 0.2, 0.1"));
}

TEST(Splits, RefusesASeriesTooShortForItsGaps) {
  EXPECT_THAT(message_of([&] { split_series(series_of({9}), by_frames(), Split::train); }),
              HasSubstr("too few to cut"));
}

}  // namespace
}  // namespace eddyline
