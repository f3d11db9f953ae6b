#include "surrogates/climax/variables.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

std::string message_of(std::vector<std::string> const& wanted) {
  try {
    find_variables(published_variables(), wanted, "input");
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

TEST(Variables, ThePublishedOnesAreFortyEightInTheOrderOfTheWeights) {
  auto const names = published_variables();
  ASSERT_EQ(names.size(), 48U);
  EXPECT_EQ(names[2], "lattitude");
  EXPECT_EQ(names[3], "2m_temperature");
  EXPECT_EQ(names[6], "geopotential_50");
  EXPECT_EQ(names[12], "geopotential_925");
  EXPECT_EQ(names[13], "u_component_of_wind_50");
  EXPECT_EQ(names[27], "temperature_50");
  EXPECT_EQ(names[40], "relative_humidity_925");
  EXPECT_EQ(names[47], "specific_humidity_925");
}

TEST(Variables, AreFoundByNameAndByShortCode) {
  EXPECT_EQ(find_variables(published_variables(), {"z_500", "t2m", "temperature_850", "lat2d"}, ""),
            (std::vector<int64_t>{8, 3, 32, 2}));
  EXPECT_EQ(find_variables({"u10", "t_850"}, {"temperature_850", "10m_u_component_of_wind"}, ""),
            (std::vector<int64_t>{1, 0}));
}

TEST(Variables, AnExactNameComesBeforeACode) {
  EXPECT_EQ(find_variables({"temperature", "t"}, {"t"}, ""), (std::vector<int64_t>{1}));
}

TEST(Variables, SaysWhichOneIsUnknownOrTwice) {
  EXPECT_THAT(message_of({"temperature_855"}),
              HasSubstr("the model has no variable for input 'temperature_855'; did you mean "
                        "'temperature_850'?"));
  EXPECT_THAT(message_of({"velocity_x"}), HasSubstr("list yours in model.variables"));
  EXPECT_THAT(message_of({"t2m", "2m_temperature"}),
              HasSubstr("input '2m_temperature' is the variable '2m_temperature', which is there "
                        "already"));
}

}  // namespace
}  // namespace eddyline
