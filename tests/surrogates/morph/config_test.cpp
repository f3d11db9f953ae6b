#include "surrogates/morph/config.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

std::string message_of(std::string const& yaml) {
  try {
    checked(parse_config<MorphConfig>(yaml, "model"));
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

TEST(MorphConfig, SaysWhichKeyIsWrong) {
  EXPECT_THAT(message_of("{heads: 3}"), HasSubstr("model.heads 3 does not divide model.dim 256"));
  EXPECT_THAT(message_of("{dim: 48, heads: 4}"),
              HasSubstr("model.heads_xa 32 does not divide model.dim 48"));
  EXPECT_THAT(
      message_of("{history: 4, max_ar: 1}"),
      HasSubstr("model.history is 4 but model.max_ar is 1; set model.max_ar to at least 4"));
  EXPECT_THAT(message_of("{dropout: 1}"),
              HasSubstr("model.dropout is 1; it must be at least 0 and below 1"));
  EXPECT_THAT(message_of("{patch: [0, 8, 8]}"), HasSubstr("model.patch is 0"));
  EXPECT_THAT(message_of("{pach: 8}"), HasSubstr("patch"));
  EXPECT_EQ(message_of("{}"), "no error");
}

TEST(MorphConfig, TheTableHasARowForEachInputFrameUnlessMoreAreAsked) {
  EXPECT_EQ(checked(parse_config<MorphConfig>("{history: 4}", "model")).max_ar, 4);
  EXPECT_EQ(checked(parse_config<MorphConfig>("{}", "model")).max_ar, 1);
  EXPECT_EQ(checked(parse_config<MorphConfig>("{history: 4, max_ar: 6}", "model")).max_ar, 6);
}

TEST(MorphConfig, ASizeIsAPresetThatSingleKeysOverride) {
  auto const shape = shape_of(parse_config<MorphConfig>("{size: M, depth: 2}", "model"));
  EXPECT_EQ(shape.dim, 768);
  EXPECT_EQ(shape.heads, 12);
  EXPECT_EQ(shape.depth, 2);
}

TEST(MorphConfig, PositionsFollowTheTrainingRuleUnlessNamed) {
  EXPECT_FALSE(uses_bilinear(parse_config<MorphConfig>("{size: L}", "model")));
  EXPECT_TRUE(uses_bilinear(parse_config<MorphConfig>("{size: L, max_ar: 16}", "model")));
  EXPECT_FALSE(
      uses_bilinear(parse_config<MorphConfig>("{size: L, max_ar: 16, positions: slice}", "model")));
  EXPECT_TRUE(uses_bilinear(parse_config<MorphConfig>("{positions: bilinear}", "model")));
}

TEST(MorphConfig, Level4HasNoLora) {
  auto const config = checked(
      parse_config<MorphConfig>("{fine_tune: level4, lora: {attention_rank: 16}}", "model"));
  EXPECT_EQ(config.lora.attention_rank, 0);
}

}  // namespace
}  // namespace eddyline
