#include "surrogates/ifactformer/config.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

std::string message_of(std::string const& yaml) {
  try {
    checked(parse_config<IFactFormerConfig>(yaml, "model"));
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

TEST(IFactFormerConfig, SaysWhichKeyIsWrong) {
  EXPECT_EQ(message_of("{}"), "no error");
  EXPECT_THAT(message_of("{dim: 95}"), HasSubstr("model.dim is 95; it must be even"));
  EXPECT_THAT(message_of("{dim: 0}"), HasSubstr("model.dim is 0; it must be even and at least 2"));
  EXPECT_THAT(message_of("{dim_head: 7}"), HasSubstr("model.dim_head is 7; it must be even"));
  EXPECT_THAT(message_of("{heads: 0}"), HasSubstr("model.heads is 0; it must be at least 1"));
  EXPECT_THAT(message_of("{depth: 0}"), HasSubstr("model.depth is 0"));
  EXPECT_THAT(message_of("{n_layer: -1}"), HasSubstr("model.n_layer is -1"));
  EXPECT_THAT(message_of("{history: 0}"), HasSubstr("model.history is 0"));
  EXPECT_THAT(message_of("{extent: [1, 0, 2]}"),
              HasSubstr("model.extent has the length 0; lengths must be positive"));
  EXPECT_THAT(message_of("{variant: n}"), HasSubstr("variant"));
}

TEST(IFactFormerConfig, IsThePublishedOneByDefault) {
  auto const config = parse_config<IFactFormerConfig>("{}", "model");
  EXPECT_EQ(config.variant, IFactVariant::m);
  EXPECT_EQ(config.dim, 96);
  EXPECT_EQ(config.heads, 5);
  EXPECT_EQ(config.dim_head, 96);
  EXPECT_EQ(config.depth, 1);
  EXPECT_EQ(config.n_layer, 10);
  EXPECT_EQ(config.history, 1);
}

}  // namespace
}  // namespace eddyline
