#include "surrogates/morph/morph.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "bench/morph_plain.hpp"
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

/// The same number from the shapes that the specification lists, without making the network.
int64_t count_of_shapes(MorphConfig const& given) {
  auto const config = checked(given);
  auto const [filters, dim, heads, depth, mlp] = shape_of(config);
  auto const cube = config.patch[2] * config.patch[2] * config.patch[2];
  int64_t convolutions = 8 * config.max_components, width = 8;
  for (; width < filters; width = std::min(2 * width, filters)) {
    convolutions += 27 * width * std::min(2 * width, filters);
  }
  convolutions += 27 * width * filters;
  auto const embedding = dim * (filters * cube + 1) + dim + 4 * dim * (dim + 1);
  auto const lora =
      16 * config.lora.attention_rank * 2 * dim + 2 * config.lora.mlp_rank * (dim + mlp);
  auto const block = 4 * dim + 16 * dim * (dim + 1) + 2 * dim * mlp + mlp + dim + lora;
  auto const outputs = config.max_fields * config.max_components * cube;
  return convolutions + embedding + config.max_ar * config.max_patches * dim + depth * block +
         2 * dim + outputs * (dim + 1);
}

TEST(Morph, HasTheParametersOfTheListedShapes) {
  auto wide = tiny();
  wide.filters = 32;
  auto adapted = tiny();
  adapted.depth = 3;
  adapted.mlp_dim = 48;
  adapted.max_ar = 2;
  adapted.lora = {.attention_rank = 3, .mlp_rank = 5};
  for (auto const& config : {tiny(), wide, adapted, MorphConfig{}}) {
    EXPECT_EQ(count(config), count_of_shapes(config));
  }
}

// Numbers that the specification counted on the reference.
TEST(Morph, HasUpstreamsNumberOfParametersInEverySize) {
  struct Row {
    MorphSize size;
    int64_t max_ar_1, max_ar_8, max_ar_16, lora;
  };
  for (auto const& row :
       {Row{MorphSize::Ti, 9'864'408, 17'204'440, 25'593'048, 647'168},
        Row{MorphSize::S, 32'829'656, 47'509'720, 64'286'936, 1'294'336},
        Row{MorphSize::M, 125'602'008, 147'622'104, 172'787'928, 3'883'008},
        Row{MorphSize::Lt, 202'062'040, 231'422'168, 264'976'600, 4'980'736},
        Row{MorphSize::L, 420'378'840, 449'738'968, 483'293'400, 10'354'688},
        Row{MorphSize::XL, 1'080'618'392, 1'124'658'584, 1'174'990'232, 16'318'464}}) {
    EXPECT_EQ(count_of_shapes({.size = row.size}), row.max_ar_1);
    EXPECT_EQ(count_of_shapes({.size = row.size, .max_ar = 8}), row.max_ar_8);
    EXPECT_EQ(count_of_shapes({.size = row.size, .max_ar = 16}), row.max_ar_16);
    EXPECT_EQ(count_of_shapes({.size = row.size, .lora = {.attention_rank = 16, .mlp_rank = 12}}),
              row.max_ar_1 + row.lora);
  }
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

TEST(Morph, CutsAVolumeByThreeDifferentPatches) {
  at::NoGradGuard const no_grad;
  auto config = tiny();
  config.patch = {2, 4, 8};
  config.max_patches = 12;
  config.max_fields = 2;
  SurrogateSpec const spec{.input_fields = FieldSet({{.name = "u"}, {.name = "w"}}),
                           .output_fields = FieldSet({{.name = "u"}, {.name = "w"}})};
  Morph morph(config, spec, 1);
  morph.eval();
  at::manual_seed(2);
  auto const volume = at::randn({2, 1, 2, 1, 4, 12, 16});
  auto const plain = bench::PlainMorph(morph).forward(volume);
  EXPECT_TRUE(at::allclose(morph.forward(volume, {.samples = {0, 1}}).pred, plain, 1e-5, 1e-5));
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
