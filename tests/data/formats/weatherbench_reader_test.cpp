#include "data/formats/weatherbench_reader.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/data/formats/array_fixture.hpp"
#include "tests/data/formats/weatherbench_fixture.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

constexpr size_t kYear = 8760;  // hours

/// Geopotential on two levels and 2 m temperature of 1979 and 1980, every 2190 h, with constants.
struct Bench {
  Bench() {
    for (int const year : {1979, 1980}) {
      write(z(year), "geopotential/z_" + std::to_string(year) + "_5.625deg.nc");
      write(t2m(year), "2m_temperature/2m_temperature_" + std::to_string(year) + ".nc");
    }
    write_weather_constants(folder / "constants/constants_5.625deg.nc");
  }
  static WeatherYear z(int year) {
    return {.code = "z", .levels = {500, 850}, .year = year, .frames = 4, .step = kYear / 4};
  }
  static WeatherYear t2m(int year) {
    return {.code = "t2m", .levels = {}, .year = year, .frames = 4, .step = kYear / 4};
  }
  void write(WeatherYear const& of, std::string const& name) const {
    write_weather(folder / name, of);
  }
  std::unique_ptr<Reader> open(OpenRequest request = {}) const {
    request.path = folder.path();
    return open_reader("auto", request);
  }
  std::string refusal(OpenRequest const& request = {}) const {
    return message_of<Error>([&] { open(request); });
  }

  TemporaryFolder folder;
};

TEST(WeatherbenchReader, JoinsFoldersAndYearsIntoOneSeries) {
  Bench const bench;
  auto const reader = bench.open();
  auto const& spec = reader->spec();
  EXPECT_EQ(spec.format, "weatherbench");
  EXPECT_EQ(spec.fields.channel_names(), (std::vector<std::string>{"t2m", "z_500", "z_850"}));
  EXPECT_EQ(spec.constants.channel_names(), (std::vector<std::string>{"lsm", "orography"}));
  ASSERT_EQ(spec.trajectories.size(), 1U);
  EXPECT_EQ(spec.trajectories[0].frames(), 8);
  EXPECT_EQ(spec.time_origin, "1979-01-01 00:00:00");
  EXPECT_EQ(spec.trajectories[0].times[4], kYear);
}

TEST(WeatherbenchReader, ReadsEveryFieldWhereItsFileHasIt) {
  Bench const bench;
  auto const reader = bench.open();
  auto const values = read_frames(
      *reader, {.first = 1, .count = 2, .stride = 4}, {.first = {0, 1, 1}, .size = {1, 1, 2}});
  auto const a = values.accessor<float, 5>();
  EXPECT_EQ(a[0][0][0][0][0], weather_value(Bench::t2m(1979), 1, 0, 5));
  EXPECT_EQ(a[1][1][0][0][1], weather_value(Bench::z(1980), 1, 0, 6));
  EXPECT_EQ(a[1][2][0][0][0], weather_value(Bench::z(1980), 1, 1, 5));
  auto const constants = reader->read_constants(0, {.size = {1, 2, 4}});
  EXPECT_EQ((constants.accessor<float, 4>()[1][0][1][3]), 700);
  EXPECT_EQ(reader->read_scalars({.first = 4})[0][1].item<float>(), 1);  // day of year
}

TEST(WeatherbenchReader, FieldsAreFoundByCodeAndLongName) {
  Bench const bench;
  auto const reader = bench.open({.fields = {"geopotential_850", "t2m", "z_500"}});
  EXPECT_EQ(reader->spec().fields.channel_names(),
            (std::vector<std::string>{"geopotential_850", "t2m", "z_500"}));
  auto const values = read_frames(*reader, {}, {.size = {1, 2, 4}});
  EXPECT_EQ((values.accessor<float, 5>()[0][0][0][0][0]), weather_value(Bench::z(1979), 0, 1, 0));
  EXPECT_EQ((values.accessor<float, 5>()[0][2][0][0][0]), weather_value(Bench::z(1979), 0, 0, 0));
}

TEST(WeatherbenchReader, AFolderOfOneLevelNamesItsField) {
  TemporaryFolder const folder;
  write_weather(folder / "temperature_850/t850_1979.nc", {.code = "t", .levels = {}});
  auto const reader = open_reader("weatherbench", {.path = folder.path()});
  EXPECT_EQ(reader->spec().fields.channel_names(), std::vector<std::string>{"t_850"});
  EXPECT_NO_THROW(
      open_reader("weatherbench", {.path = folder.path(), .fields = {"temperature_850"}}));
}

TEST(WeatherbenchReader, PartsAreWholeYears) {
  Bench const bench;
  std::string const map = "{train: [1979, 1979], valid: [1980, 1980]}";
  auto const& entry = format_entry("weatherbench", bench.folder.path());
  EXPECT_EQ(entry.own_splits({.path = bench.folder.path(), .map = map}),
            (std::vector<std::string>{"train", "valid"}));
  auto const reader = bench.open({.split = "valid", .map = map});
  EXPECT_EQ(reader->spec().trajectories[0].frames(), 4);
  EXPECT_EQ(reader->spec().time_origin, "1980-01-01 00:00:00");
  EXPECT_THAT(bench.refusal({.split = "test"}), HasSubstr("has no year of test (2017 to 2018)"));
}

TEST(WeatherbenchReader, KeepsTheTimesThatAllVariablesHave) {
  Bench const bench;
  // ERA5's accumulated variables begin at 07:00 of the first day.
  auto late = Bench::t2m(1979);
  late.first_hour = late.step;
  late.frames = 3;
  bench.write(late, "2m_temperature/2m_temperature_1979.nc");
  auto const reader = bench.open();
  EXPECT_EQ(reader->spec().trajectories[0].frames(), 7);
  auto const values = read_frames(*reader, {}, {.size = {1, 2, 4}});
  EXPECT_EQ((values.accessor<float, 5>()[0][0][0][0][0]), weather_value(late, 0, 0, 0));
  EXPECT_EQ((values.accessor<float, 5>()[0][1][0][0][0]), weather_value(Bench::z(1979), 1, 0, 0));
}

TEST(WeatherbenchReader, AMissingYearDividesTheSeries) {
  Bench const bench;
  bench.write(Bench::z(1982), "geopotential/z_1982.nc");
  bench.write(Bench::t2m(1982), "2m_temperature/t_1982.nc");
  auto const reader = bench.open();
  ASSERT_EQ(reader->spec().trajectories.size(), 2U);
  EXPECT_EQ(reader->spec().trajectories[0].frames(), 8);
  EXPECT_EQ(reader->spec().trajectories[1].frames(), 4);
}

TEST(WeatherbenchReader, IsDescribedForPeople) {
  Bench const bench;
  auto const text = describe(bench.folder.path());
  EXPECT_THAT(text, HasSubstr("WeatherBench"));
  EXPECT_THAT(text, HasSubstr("fields: [t2m, z_500, z_850]"));
  EXPECT_THAT(text, HasSubstr("format: weatherbench"));
}

TEST(WeatherbenchReader, SaysWhatDoesNotFitTogether) {
  Bench const bench;
  EXPECT_THAT(bench.refusal({.fields = {"z_550"}}),
              HasSubstr("has the field 'z_550'; did you mean 'z_500'?"));
  bench.write(Bench::z(1981), "geopotential/z_1981.nc");
  EXPECT_THAT(bench.refusal(),
              HasSubstr("variable '2m_temperature' has no file of 1981, "
                        "'geopotential' has"));
  auto other = Bench::t2m(1981);
  other.step = 2000;
  bench.write(other, "2m_temperature/t_1981.nc");
  EXPECT_THAT(bench.refusal(),
              HasSubstr("variables '2m_temperature' and 'geopotential' have "
                        "different times"));
  for (int const year : {1979, 1980, 1981}) {
    auto wide = Bench::z(year);
    wide.rows = 3;
    bench.write(wide,
                "geopotential/z_" + std::to_string(year) + (year == 1981 ? ".nc" : "_5.625deg.nc"));
  }
  EXPECT_THAT(bench.refusal(), HasSubstr("its axis 'latitude' has 3 points"));
}

}  // namespace
}  // namespace eddyline
