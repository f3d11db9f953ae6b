#include "data/pipeline/known_fields.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

#include "tests/data/pipeline/memory_reader.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

constexpr double kTolerance = 1e-6;  // values are float32 of order 1

DatasetSpec hourly(std::string const& origin = "2019-03-01 06:00:00") {
  auto data = coded_reader({4})->spec();
  data.time_unit = "h";
  data.time_origin = origin;
  return data;
}

DataConfig with_features(std::vector<std::string> features) {
  auto config = plain_config();
  config.time_features = std::move(features);
  return config;
}

Box whole(Grid const& grid) {
  return {.size = grid.shape()};
}

TEST(KnownFields, NothingIsKnownUnlessAskedFor) {
  EXPECT_TRUE(KnownFields(plain_config(), hourly(), some_grid()).empty());
}

TEST(KnownFields, HourOfDayCountsFromTheOrigin) {
  KnownFields const known(with_features({"hour_of_day"}), hourly(), some_grid());
  EXPECT_EQ(known.fields().channel_names(),
            (std::vector<std::string>{"hour_of_day_sin", "hour_of_day_cos"}));
  auto const values = known.at({0, 3}, {}, whole(some_grid()));  // 06:00 and 09:00
  ASSERT_EQ(values.sizes().vec(), (std::vector<int64_t>{2, 2, 1, 8, 6}));
  EXPECT_NEAR(values[0][0][0][3][2].item<double>(), 1, kTolerance);
  EXPECT_NEAR(values[0][1][0][3][2].item<double>(), 0, kTolerance);
  EXPECT_NEAR(
      values[1][0][0][0][0].item<double>(), std::sin(2 * std::numbers::pi * 9 / 24), kTolerance);
}

TEST(KnownFields, DayOfYearFollowsTheCalendar) {
  auto data = hourly("2000-04-01 00:00:00");
  data.calendar = "360_day";
  KnownFields const known(with_features({"day_of_year"}), data, some_grid());
  auto const values =
      known.at({0, 90 * 24}, {}, whole(some_grid()));  // a quarter and a half of the year
  EXPECT_NEAR(values[0][0][0][0][0].item<double>(), 1, kTolerance);
  EXPECT_NEAR(values[1][1][0][0][0].item<double>(), -1, kTolerance);
}

TEST(KnownFields, CoordinatesRunFromMinusOneToOne) {
  auto config = plain_config();
  config.coordinates = true;
  KnownFields const known(config, hourly(), some_grid(8, 6));
  EXPECT_EQ(known.fields().channel_names(),
            (std::vector<std::string>{"coordinate_x", "coordinate_y"}));
  auto const values = known.at({0}, {}, whole(some_grid(8, 6)));
  EXPECT_NEAR(values[0][0][0][0][4].item<double>(), -1, kTolerance);
  EXPECT_NEAR(values[0][0][0][7][4].item<double>(), 1, kTolerance);
  EXPECT_NEAR(values[0][1][0][3][5].item<double>(), 1, kTolerance);
}

TEST(KnownFields, RefusesAFeatureItDoesNotKnow) {
  EXPECT_THAT(
      message_of([] { KnownFields(with_features({"hour_of_dya"}), hourly(), some_grid()); }),
      HasSubstr("did you mean 'hour_of_day'"));
}

TEST(KnownFields, RefusesATimeUnitThatIsNone) {
  auto data = hourly();
  data.time_unit = "";
  EXPECT_THAT(message_of([&] { KnownFields(with_features({"hour_of_day"}), data, some_grid()); }),
              HasSubstr("unit of time"));
}

TEST(KnownFields, RefusesAConstantFieldThatIsNotThere) {
  auto config = plain_config();
  config.constant_inputs = {"orography"};
  EXPECT_THAT(message_of([&] { KnownFields(config, hourly(), some_grid()); }),
              HasSubstr("while reading data.constant_inputs"));
}

}  // namespace
}  // namespace eddyline
