#include "surrogates/unet/config.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

std::string message_of(std::string const& yaml, std::vector<size_t> const& axes = {1, 2}) {
  try {
    levels_of(checked(parse_config<UnetConfig>(yaml, "model")), axes);
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

TEST(UnetConfig, SaysWhichKeyIsWrong) {
  EXPECT_THAT(message_of("{patch: [1, 12, 16]}"),
              HasSubstr("model.patch is 12; it must be a power of two"));
  EXPECT_THAT(message_of("{patch: [0, 16, 16]}"), HasSubstr("model.patch is 0"));
  EXPECT_THAT(message_of("{features: 0}"), HasSubstr("model.features is 0; it must be at least 1"));
  EXPECT_THAT(message_of("{blocks_per_stage: 0}"), HasSubstr("model.blocks_per_stage is 0"));
  EXPECT_THAT(message_of("{blocks_at_neck: 0}"), HasSubstr("model.blocks_at_neck is 0"));
  EXPECT_THAT(message_of("{history: 0}"), HasSubstr("model.history is 0"));
  EXPECT_THAT(message_of("{padding: mirror}"), HasSubstr("zeros"));
  EXPECT_EQ(message_of("{}"), "no error");
}

TEST(UnetConfig, NeedsACoarserLevel) {
  EXPECT_THAT(message_of("{patch: [16, 1, 1]}"),
              HasSubstr("model.patch is 1 on every axis of more than one cell"));
}

TEST(UnetConfig, TheLargestPatchOfTheAxesInUseGivesTheLevels) {
  auto const config = parse_config<UnetConfig>("{patch: [16, 2, 8]}", "model");
  EXPECT_EQ(levels_of(config, {0, 1, 2}), 4);
  EXPECT_EQ(levels_of(config, {1, 2}), 3);
}

}  // namespace
}  // namespace eddyline
