#include "data/formats/weather_variables.hpp"

#include <gtest/gtest.h>

namespace eddyline {
namespace {

TEST(WeatherVariables, LongNamesFollowFromShortCodes) {
  EXPECT_EQ(long_variable_name("t2m"), "2m_temperature");
  EXPECT_EQ(long_variable_name("z_500"), "geopotential_500");
  EXPECT_EQ(long_variable_name("geopotential_500"), "geopotential_500");
  EXPECT_EQ(long_variable_name("lat2d"), "lattitude");
}

TEST(WeatherVariables, LevelsBelongToCodesOnly) {
  EXPECT_EQ(long_variable_name("q_1000"), "specific_humidity_1000");
  EXPECT_EQ(long_variable_name("msl"), "mean_sea_level_pressure");
  EXPECT_EQ(long_variable_name("velocity_x"), "velocity_x");
  EXPECT_EQ(long_variable_name("z_"), "z_");
  EXPECT_EQ(long_variable_name("w_500"), "w_500");
}

TEST(WeatherVariables, AreFoundWithTheirUnitsOnAnyLevel) {
  ASSERT_NE(find_weather_variable("z_500"), nullptr);
  EXPECT_EQ(find_weather_variable("z_500")->units, "m2 s-2");
  EXPECT_EQ(find_weather_variable("u10")->standard_name, "eastward_wind");
  EXPECT_EQ(find_weather_variable("density"), nullptr);
  EXPECT_EQ(level_of_name("temperature_850"), "850");
  EXPECT_EQ(level_of_name("2m_temperature"), "");
}

TEST(WeatherVariables, ConstantsAreThoseOfClimax) {
  EXPECT_TRUE(is_constant_of_weather("lsm"));
  EXPECT_TRUE(is_constant_of_weather("orography"));
  EXPECT_TRUE(is_constant_of_weather("lattitude"));
  EXPECT_FALSE(is_constant_of_weather("2m_temperature"));
}

}  // namespace
}  // namespace eddyline
