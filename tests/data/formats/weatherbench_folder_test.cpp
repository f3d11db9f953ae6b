#include "data/formats/weatherbench_folder.hpp"

#include <gmock/gmock.h>

#include <fstream>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/data/formats/netcdf_fixture.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

void touch(std::filesystem::path const& path) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << "";
}

TEST(WeatherbenchFolder, FindsTheYearInAName) {
  EXPECT_EQ(year_of_name("2m_temperature_1979_5.625deg"), 1979);
  EXPECT_EQ(year_of_name("geopotential_1000_2016"), 2016);  // a pressure is no year
  EXPECT_EQ(year_of_name("z_19790101"), 0);
  EXPECT_EQ(year_of_name("constants_5.625deg"), 0);
}

TEST(WeatherbenchFolder, ListsTheFoldersOfVariablesByYear) {
  TemporaryFolder const folder;
  touch(folder / "temperature/t_1980.nc");
  touch(folder / "temperature/t_1979.nc");
  touch(folder / "geopotential/z_1979.nc");
  touch(folder / "constants/constants_5.625deg.nc");
  touch(folder / "notes/1979.txt");
  auto const variables = weatherbench_variables(folder.path());
  ASSERT_EQ(variables.size(), 2U);
  EXPECT_EQ(variables[0].name, "geopotential");
  EXPECT_EQ(variables[1].years.at(1980).filename(), "t_1980.nc");
  EXPECT_EQ(weatherbench_constants(folder.path()).size(), 1U);
  touch(folder / "constants.nc");
  EXPECT_EQ(weatherbench_constants(folder.path()).front().parent_path(), folder.path());
}

TEST(WeatherbenchFolder, RefusesTwoFilesOfAYear) {
  TemporaryFolder const folder;
  touch(folder / "temperature/a_1979.nc");
  touch(folder / "temperature/b_1979.nc");
  EXPECT_THAT(message_of<Error>([&] { weatherbench_variables(folder.path()); }),
              HasSubstr("has two files of 1979: 'a_1979.nc' and 'b_1979.nc'; keep one"));
}

TEST(WeatherbenchFolder, PartsAreThoseOfClimaxUnlessTheMapSaysOtherwise) {
  EXPECT_EQ(parse_weatherbench_years("").of("train"), (std::array<int64_t, 2>{1979, 2015}));
  EXPECT_EQ(parse_weatherbench_years("{test: [2018, 2018]}").of("test")[0], 2018);
}

TEST(WeatherbenchFolder, AYearBelongsToOnePart) {
  EXPECT_THAT(message_of<Error>([] { parse_weatherbench_years("{train: [1979, 2016]}"); }),
              HasSubstr("data.map.train (1979 to 2016) and data.map.valid (2016 to 2016) share"));
  EXPECT_THAT(message_of<Error>([] { parse_weatherbench_years("{test: [2018, 2017]}"); }),
              HasSubstr("data.map.test is [2018, 2017]; give its first and its last year"));
}

}  // namespace
}  // namespace eddyline
