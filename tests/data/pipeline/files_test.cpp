// The pipeline over files as they are on disk: The Well's layout and ERA5.
#include <gmock/gmock.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "data/formats/well_statistics.hpp"
#include "data/pipeline/loader.hpp"
#include "data/pipeline/statistics_table.hpp"
#include "tests/data/pipeline/memory_reader.hpp"
#include "tests/places.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr double kPrinted = 1e-4;   // stats.yaml keeps four decimals of each number
constexpr double kRoundOff = 1e-6;  // means of exact zeros: float32 data of order 1

fs::path well(std::string const& name) {
  return fixtures_folder() / "formats" / "well" / name;
}

DataConfig config_of(fs::path const& path) {
  auto config = plain_config();
  config.path = path.string();
  return config;
}

void expect_moments(WellStatistics::Moments const& ours,
                    WellStatistics::Moments const& theirs,
                    std::string const& which) {
  ASSERT_FALSE(theirs.empty()) << which;
  for (auto const& [field, numbers] : theirs) {
    ASSERT_TRUE(ours.contains(field)) << which << " of " << field;
    ASSERT_EQ(ours.at(field).size(), numbers.size()) << which << " of " << field;
    for (size_t i = 0; i < numbers.size(); ++i) {
      EXPECT_NEAR(ours.at(field)[i], numbers[i], kPrinted * std::abs(numbers[i]) + kRoundOff)
          << which << " of " << field << " component " << i;
    }
  }
}

void expect_stats_yaml(std::string const& name) {
  auto const world = Communicator::world();
  Dataset data(config_of(well(name)), Split::train, {}, kAnyPatch, world);
  auto const statistics = compute_statistics(data, world);
  auto const ours =
      to_well_statistics(statistics, data.state_spec()->fields, data.batch_spec()->constant_fields);
  auto const theirs = read_well_statistics(well(name) / "stats.yaml");
  expect_moments(ours.mean, theirs.mean, "mean");
  expect_moments(ours.std, theirs.std, "std");
  expect_moments(ours.rms, theirs.rms, "rms");
  expect_moments(ours.mean_delta, theirs.mean_delta, "mean_delta");
  expect_moments(ours.std_delta, theirs.std_delta, "std_delta");
  expect_moments(ours.rms_delta, theirs.rms_delta, "rms_delta");
}

TEST(Files, StatisticsAreThoseThatTheWellPublishesBesideTensors) {
  expect_stats_yaml("active_matter_mini");
}

TEST(Files, StatisticsAreThoseThatTheWellPublishesInThreeDimensions) {
  expect_stats_yaml("box3d_mini");
}

TEST(Files, StatisticsAreThoseThatTheWellPublishesOnASphere) {
  expect_stats_yaml("planetswe_mini");
}

TEST(Files, GivenPartsAreThoseOfTheFolder) {
  auto const config = config_of(well("planetswe_mini"));
  EXPECT_TRUE(has_split(config, Split::test));
  EXPECT_FALSE(has_split(config, Split::valid));
  auto const text =
      message_of([&] { Dataset(config, Split::valid, {}, kAnyPatch, Communicator::world()); });
  EXPECT_THAT(
      text,
      HasSubstr(
          "has no valid part of its own (only train, test); set data.splits.by=trajectories"));
}

TEST(Files, AnEmptyPathIsNamed) {
  EXPECT_THAT(
      message_of([] { Dataset(plain_config(), Split::all, {}, kAnyPatch, Communicator::world()); }),
      HasSubstr("data.path is empty"));
}

/// March 2019, hourly; scored on target hours 624 to 743.
DataConfig era5(std::string& why_not) {
  auto const path = source_folder() / ".." / "shared" / "data" / "climate" / "era5_t2m_2019-03.nc";
  if (!fs::exists(path)) {
    why_not = "../shared/data/climate/era5_t2m_2019-03.nc is not on this machine";
  }
  auto config = config_of(path);
  config.splits.by = SplitBy::frames;
  config.splits.train = {.first = 0, .last = 599};
  config.splits.test = {.first = 600, .last = 743, .targets_first = 624};
  config.time_features = {"hour_of_day", "day_of_year"};
  config.cache = 64;
  return config;
}

TEST(Files, PersistenceOfEra5IsThatOfTheBook) {
  std::string why_not;
  auto const config = era5(why_not);
  if (!why_not.empty()) {
    GTEST_SKIP() << why_not;
  }
  auto const world = Communicator::world();
  Dataset train(config, Split::train, {.stride = 6}, kAnyPatch, world);
  Dataset test(config, Split::test, {.stride = 6}, kAnyPatch, world);
  ASSERT_EQ(test.windows(), 120);
  Loader loader(test, compute_statistics(train, world), {.batch = 7}, world);
  loader.start(0);
  double squares = 0, count = 0;
  while (auto const batch = loader.next()) {
    auto const error = (batch->target - batch->input.narrow(2, 0, 1)).to(at::kDouble);
    squares += error.square().sum().item<double>();
    count += static_cast<double>(error.numel());
    EXPECT_TRUE(batch->size() == 0 || (batch->lead_time == 6).all().item<bool>());
  }
  auto const rmse = std::sqrt(world.all_reduce(squares) / world.all_reduce(count));
  EXPECT_NEAR(rmse, 2.739, 5e-4);  // K, persistence over 6 h on target hours 624 to 743
}

TEST(Files, Era5KnowsTheHourOfItsFrames) {
  std::string why_not;
  auto const config = era5(why_not);
  if (!why_not.empty()) {
    GTEST_SKIP() << why_not;
  }
  Dataset data(config, Split::train, {.stride = 6}, kAnyPatch, Communicator::world());
  auto const times = data.times(0);
  auto const known =
      data.known_at(0, {times[6], times[24 * 20]}).select(3, 0).select(3, 0).flatten(1);
  EXPECT_NEAR(known[0][0].item<double>(), 1, 1e-6) << "06:00";
  EXPECT_NEAR(known[1][1].item<double>(), 1, 1e-6) << "00:00";
  auto const day = 2 * M_PI * (31 + 28 + 20) / 365.2425;  // 21 March 2019
  EXPECT_NEAR(known[1][2].item<double>(), std::sin(day), 1e-6);
}

}  // namespace
}  // namespace eddyline
