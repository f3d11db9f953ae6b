#include "surrogates/fno/config.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

std::string message_of(std::string const& yaml) {
  try {
    checked(parse_config<FnoConfig>(yaml, "model"));
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

TEST(FnoConfig, SaysWhichKeyIsWrong) {
  EXPECT_THAT(message_of("{modes: [1, 0, 1]}"),
              HasSubstr("model.modes is 0; it must be at least 1"));
  EXPECT_THAT(message_of("{width: 0}"), HasSubstr("model.width is 0"));
  EXPECT_THAT(message_of("{layers: 0}"), HasSubstr("model.layers is 0"));
  EXPECT_THAT(message_of("{projection: 0}"), HasSubstr("model.projection is 0"));
  EXPECT_THAT(message_of("{history: 0}"), HasSubstr("model.history is 0"));
  EXPECT_THAT(message_of("{coordinates: yes}"), HasSubstr("fractions"));
  EXPECT_EQ(message_of("{}"), "no error");
}

}  // namespace
}  // namespace eddyline
