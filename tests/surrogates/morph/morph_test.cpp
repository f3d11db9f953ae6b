#include "surrogates/morph/morph.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

SurrogateSpec scalar_spec() {
  return {.input_fields = FieldSet({{.name = "u"}}), .output_fields = FieldSet({{.name = "u"}})};
}

int64_t count(MorphConfig const& config) {
  int64_t total = 0;
  for (auto const& parameter : Morph(config, scalar_spec(), 1).parameters()) {
    total += parameter.numel();
  }
  return total;
}

MorphConfig tiny() {
  return {.dim = 32,
          .heads = 2,
          .depth = 1,
          .mlp_dim = 32,
          .heads_xa = 4,
          .patch = {4, 4, 4},
          .max_patches = 16};
}

std::string message_of(std::vector<int64_t> const& volume, MorphConfig const& config = tiny()) {
  try {
    Morph(config, scalar_spec(), 1).forward(at::zeros(volume), {.samples = {0}});
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

// Numbers of parameters that the specification counted on the reference.
TEST(Morph, HasUpstreamsNumberOfParameters) {
  EXPECT_EQ(count({}), 9'864'408);
  EXPECT_EQ(count({.max_ar = 8}), 17'204'440);
  EXPECT_EQ(count({.size = MorphSize::S}), 32'829'656);
  EXPECT_EQ(count({.lora = {.attention_rank = 16, .mlp_rank = 12}}), 9'864'408 + 647'168);
}

TEST(Morph, StartsFromTheDistributionsOfPyTorch) {
  Morph const morph({.lora = {.attention_rank = 4}}, scalar_spec(), 1);
  auto const parameters = morph.named_parameters();
  auto const largest = [&](std::string const& name) {
    return parameters[name].abs().max().item<double>();
  };
  EXPECT_NEAR(parameters["pos_encoding.pos_embedding"].std().item<double>(), 1, 0.01);
  EXPECT_NEAR(largest("patch_embedding.projection.weight"), 1 / std::sqrt(4096.0), 1e-4);
  EXPECT_NEAR(
      largest("patch_embedding.conv_features.conv_stack.0.weight"), 1 / std::sqrt(216.0), 1e-3);
  EXPECT_NEAR(
      largest("patch_embedding.field_attn.attn.in_proj_weight"), std::sqrt(6.0 / 1024), 1e-4);
  EXPECT_EQ(largest("patch_embedding.field_attn.attn.in_proj_bias"), 0);
  EXPECT_EQ(largest("patch_embedding.field_attn.attn.out_proj.bias"), 0);
  EXPECT_NEAR(largest("transformer_blocks.1.mlp.3.base.bias"), 1 / std::sqrt(1024.0), 1e-3);
  EXPECT_NEAR(largest("transformer_blocks.1.axial_attn.attn_h.q.A"), 1 / std::sqrt(256.0), 1e-3);
  EXPECT_EQ(largest("transformer_blocks.1.axial_attn.attn_h.q.B"), 0);
  EXPECT_TRUE(at::equal(parameters["transformer_blocks.3.norm2.weight"], at::ones({256})));
}

TEST(Morph, RefusesWhatDoesNotFit) {
  EXPECT_THAT(message_of({1, 2, 1, 1, 1, 8, 8}),
              HasSubstr("the window has 2 frames but model.max_ar is 1"));
  EXPECT_THAT(message_of({1, 1, 4, 1, 1, 8, 8}),
              HasSubstr("the data have 4 fields of 1 components; the model takes 3 of 3"));
  EXPECT_THAT(message_of({1, 1, 1, 1, 1, 8, 9}),
              HasSubstr("axis W has 9 points, not a multiple of patch 4"));
  auto config = tiny();
  config.patch = {8, 8, 4};
  EXPECT_THAT(message_of({1, 1, 1, 1, 8, 8, 8}, config),
              HasSubstr("make the last patch the largest"));
}

TEST(Morph, TakesOneTwoAndThreeDimensions) {
  Morph const morph(tiny(), scalar_spec(), 1);
  for (auto const& volume : {std::vector<int64_t>{2, 1, 1, 1, 1, 1, 16},
                             {2, 1, 1, 1, 1, 8, 16},
                             {2, 1, 1, 1, 8, 4, 16}}) {
    auto expected = volume;
    expected.erase(expected.begin() + 1);
    EXPECT_EQ(morph.forward(at::zeros(volume), {.samples = {0, 1}}).pred.sizes().vec(), expected);
  }
}

}  // namespace
}  // namespace eddyline
