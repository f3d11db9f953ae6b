#include "data/formats/climatebench_reader.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/data/formats/array_fixture.hpp"
#include "tests/data/formats/climatebench_fixture.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

TEST(ClimatebenchReader, ASimulationIsATrajectoryOfYears) {
  ClimateFiles const files;
  files.all();
  auto const reader = files.open({.split = "train"});
  auto const& spec = reader->spec();
  EXPECT_EQ(spec.format, "climatebench");
  EXPECT_EQ(spec.fields.channel_names(), (std::vector<std::string>{"CO2", "SO2", "tas", "pr"}));
  EXPECT_EQ(spec.fields.channel_units()[3], "mm/day");
  EXPECT_EQ(spec.time_unit, "year");
  ASSERT_EQ(spec.trajectories.size(), 3U);
  EXPECT_EQ(spec.trajectories[0].source, "historical");
  EXPECT_EQ(spec.trajectories[0].frames(), 25);
}

TEST(ClimatebenchReader, ScenariosBeginWithTheLastHistoricalYears) {
  ClimateFiles const files;
  files.all();
  auto const reader = files.open({.split = "train"});
  auto const& times = reader->spec().trajectories[1].times;
  ASSERT_EQ(times.size(), 9U + 6U);
  EXPECT_EQ(times.front(), 2006);
  EXPECT_EQ(times.back(), 2020);
  auto const values = read_trajectory(*reader, 1);
  EXPECT_EQ(values[8][0].min().item<double>(), 2014);  // CO2 of that year, everywhere
  EXPECT_EQ(values[9][0].max().item<double>(), 2015);
  EXPECT_EQ(values[8][1].flatten()[3].item<double>(), 24 * kClimateCells + 3);
  EXPECT_EQ(files.open({.split = "train", .map = "{historical_years: 0}"})
                ->spec()
                .trajectories[1]
                .frames(),
            6);
}

TEST(ClimatebenchReader, OutputsAreMeansOverMembersInMillimetresADay) {
  ClimateFiles const files;
  files.all();
  auto const reader = files.open({.split = "train", .fields = {"pr", "tas"}});
  auto const values = read_frames(*reader, {.first = 2}, {.first = {0, 1, 1}, .size = {1, 1, 2}});
  auto const a = values.accessor<float, 5>();
  constexpr double kBetween = 25 * kClimateCells / 2.0;  // half of what the second member has more
  EXPECT_FLOAT_EQ(a[0][1][0][0][0], 2 * kClimateCells + 5 + kBetween);
  // pr lies (lon, lat) in the file: longitude 1, latitude 1 is its number 3.
  EXPECT_FLOAT_EQ(a[0][0][0][0][0], 2 * kClimateCells + 3 + kBetween);
  EXPECT_FLOAT_EQ(a[0][0][0][0][1], 2 * kClimateCells + 5 + kBetween);
}

TEST(ClimatebenchReader, TheTestIsTheLastYearsOfItsScenario) {
  ClimateFiles const files;
  files.all();
  auto const reader = files.open({.split = "test"});
  ASSERT_EQ(reader->spec().trajectories.size(), 1U);
  EXPECT_EQ(reader->spec().trajectories[0].frames(), 21 + 9);
  EXPECT_EQ(reader->spec().trajectories[0].times.back(), 2054);
  EXPECT_EQ(
      files.open({.split = "test", .map = "{test_years: 0}"})->spec().trajectories[0].frames(),
      9 + 40);
}

TEST(ClimatebenchReader, ValidAreTheSimulationsThatTheMapNames) {
  ClimateFiles const files;
  files.all();
  std::string const map = "{valid: [ssp370]}";
  auto const& entry = format_entry("auto", files.folder.path());
  EXPECT_EQ(entry.own_splits({.path = files.folder.path()}),
            (std::vector<std::string>{"train", "test"}));
  EXPECT_EQ(entry.own_splits({.path = files.folder.path(), .map = map}),
            (std::vector<std::string>{"train", "valid", "test"}));
  EXPECT_EQ(files.open({.split = "valid", .map = map})->spec().trajectories[0].source, "ssp370");
  EXPECT_EQ(files.open({.split = "train", .map = map})->spec().trajectories.size(), 2U);
  EXPECT_EQ(files.open({.split = "all"})->spec().trajectories.size(), 4U);
  EXPECT_THAT(files.refusal({.map = "{valid: [ssp371]}"}),
              HasSubstr("data.map.valid names 'ssp371'"));
  EXPECT_THAT(files.refusal({.split = "valid"}), HasSubstr("data.map.valid names those of valid"));
}

TEST(ClimatebenchReader, IsDescribedForPeople) {
  ClimateFiles const files;
  files.all();
  auto const text = describe(files.folder.path());
  EXPECT_THAT(text, HasSubstr("ClimateBench"));
  EXPECT_THAT(text, HasSubstr("fields: [CO2, SO2, tas, pr]"));
}

TEST(ClimatebenchReader, SaysWhatDoesNotFitTogether) {
  ClimateFiles const files;
  files.all();
  files.inputs("train_val/inputs_ssp126", 1900, 6);
  EXPECT_THAT(files.refusal(), HasSubstr("has the years 1900 to 1905, its outputs 2015 to 2020"));
  files.simulation("train_val", "ssp126", 2016, 6);
  EXPECT_THAT(files.refusal(), HasSubstr("begins in 2016, which does not follow 2014"));
  files.inputs("train_val/inputs_ssp126", 2015, 6);
  files.outputs("train_val/outputs_ssp126", 2015, 6, 3);
  EXPECT_THAT(files.refusal(), HasSubstr("its axis 'latitude' has 2 points"));
}

}  // namespace
}  // namespace eddyline
