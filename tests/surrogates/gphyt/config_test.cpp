#include "surrogates/gphyt/config.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

std::string message_of(std::string const& yaml) {
  try {
    checked(parse_config<GphytConfig>(yaml, "model"));
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

TEST(GphytConfig, DefaultsAreThePublishedModels) {
  auto const config = checked({});
  EXPECT_EQ(config.patch, (std::array<int64_t, 3>{1, 16, 16}));
  EXPECT_EQ(config.history, 4);
  EXPECT_EQ(config.positions, GphytPositions::absolute);
  EXPECT_EQ(config.attention, GphytAttentionMode::full);
  EXPECT_EQ(config.integrator, GphytIntegrator::euler);
  EXPECT_TRUE(config.derivatives);
  EXPECT_EQ(config.dropout, 0);
}

TEST(GphytConfig, SaysWhichKeyIsWrong) {
  EXPECT_EQ(message_of("{}"), "no error");
  EXPECT_THAT(message_of("{num_heads: 5}"),
              HasSubstr("model.num_heads 5 does not divide model.hidden_dim 192"));
  EXPECT_THAT(message_of("{num_layers: 0}"),
              HasSubstr("model.num_layers is 0; it must be at least 1"));
  EXPECT_THAT(
      message_of("{patch: [2, 16, 16]}"),
      HasSubstr("model.patch is [2, 16, 16]; GPhyT takes two-dimensional fields, whose axis "
                "D has one cell: begin it with 1"));
  EXPECT_THAT(message_of("{patch: [1, 0, 16]}"), HasSubstr("model.patch is 0"));
  EXPECT_THAT(message_of("{history: 4, time_patch: 3}"),
              HasSubstr("model.history is 4, no multiple of model.time_patch 3"));
  EXPECT_THAT(message_of("{dropout: 1}"),
              HasSubstr("model.dropout is 1; it must be at least 0 and below 1"));
  EXPECT_THAT(message_of("{stochastic_depth: -0.1}"),
              HasSubstr("model.stochastic_depth is -0.1; it must be at least 0 and below 1"));
  EXPECT_THAT(message_of("{integrator: leapfrog}"), HasSubstr("none, euler, heun"));
  EXPECT_THAT(message_of("{forward_semantics: v2}"), HasSubstr("v1, head"));
}

TEST(GphytConfig, RopeNeedsAWidthThatIsAMultipleOfSix) {
  EXPECT_EQ(message_of("{positions: rope}"), "no error");
  EXPECT_EQ(message_of("{positions: rope, size: M}"), "no error");
  for (auto const* size : {"L", "XL"}) {
    EXPECT_THAT(message_of(concat("{positions: rope, size: ", size, "}")),
                HasSubstr("is no multiple of 6; use positions absolute"));
  }
}

TEST(GphytConfig, OverlapIsForLinearMapsAndChannelsForConvolutions) {
  EXPECT_THAT(message_of("{tokenizer: {overlap: 3}}"),
              HasSubstr("model.tokenizer.overlap is 3; it must be even"));
  EXPECT_THAT(message_of("{detokenizer: {overlap: -2}}"),
              HasSubstr("model.detokenizer.overlap is -2; it must be even"));
  EXPECT_THAT(message_of("{tokenizer: {mode: conv_net, overlap: 2}}"),
              HasSubstr("model.tokenizer.overlap is 2 but the mode is conv_net"));
  EXPECT_THAT(message_of("{tokenizer: {channels: [8]}}"),
              HasSubstr("model.tokenizer.channels is given but the mode is linear"));
  EXPECT_THAT(message_of("{detokenizer: {mode: conv_net, channels: [8, 0]}}"),
              HasSubstr("model.detokenizer.channels is 0; it must be at least 1"));
}

TEST(GphytConfig, ASizeIsAPresetThatSingleKeysOverride) {
  auto const config = parse_config<GphytConfig>("{size: M, num_layers: 2}", "model");
  auto const shape = shape_of(config);
  EXPECT_EQ(shape.hidden_dim, 768);
  EXPECT_EQ(shape.mlp_dim, 3072);
  EXPECT_EQ(shape.num_heads, 12);
  EXPECT_EQ(shape.num_layers, 2);
  EXPECT_EQ(inner_channels(config, config.tokenizer), (std::vector<int64_t>{128, 256}));
  auto const own = parse_config<GphytConfig>("{tokenizer: {channels: [5]}}", "model");
  EXPECT_EQ(inner_channels(own, own.tokenizer), (std::vector<int64_t>{5}));
}

TEST(GphytConfig, HeadsForwardPassIgnoresTheIntegrator) {
  for (auto const& [integrator, name] : EnumNames<GphytIntegrator>::names) {
    GphytConfig const v1{.integrator = integrator};
    EXPECT_EQ(step_of(v1), integrator) << name;
    GphytConfig const head{.integrator = integrator, .forward_semantics = GphytForward::head};
    EXPECT_EQ(step_of(head), GphytIntegrator::euler) << name;
  }
}

}  // namespace
}  // namespace eddyline
