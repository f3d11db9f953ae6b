#include "surrogates/morph/frozen.hpp"

#include <gmock/gmock.h>

#include <array>

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/morph/morph.hpp"

namespace eddyline {
namespace {

constexpr double kRoundOff = 2e-5;  // float32 sums of a few hundred terms of size one

MorphConfig tiny() {
  return {.dim = 32,
          .heads = 2,
          .depth = 2,
          .mlp_dim = 48,
          .heads_xa = 4,
          .patch = {4, 4, 4},
          .max_patches = 16};
}

SurrogateSpec spec_of(FieldSet const& fields) {
  return {.input_fields = fields, .output_fields = fields};
}

FieldSet scalar() {
  return FieldSet({{.name = "u"}});
}

/// A vector beside two scalars.
FieldSet flow() {
  return FieldSet(
      {{.name = "rho"}, {.name = "u", .components = {"x", "y"}, .order = 1}, {.name = "p"}});
}

std::shared_ptr<Morph> network(MorphConfig const& config, FieldSet const& fields) {
  auto const morph = std::make_shared<Morph>(config, spec_of(fields), 1);
  at::manual_seed(1);
  at::NoGradGuard const no_grad;
  for (auto& parameter : morph->parameters()) {  // also what begins at zero
    parameter.add_(at::randn(parameter.sizes()) * 0.05);
  }
  morph->eval();
  return morph;
}

Batch batch_of(Morph const& morph, int64_t channels, std::array<int64_t, 3> cells) {
  return {.input = at::randn({2, morph.history(), channels, cells[0], cells[1], cells[2]})};
}

double distance(at::Tensor const& a, at::Tensor const& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  return (a - b).abs().max().item<double>();
}

TEST(FrozenMorph, EqualsItsNetworkInOneTwoAndThreeDimensions) {
  at::NoGradGuard const no_grad;
  auto const morph = network(tiny(), scalar());
  auto const frozen = morph->freeze(Precision::fp32);
  for (auto const& cells :
       {std::array<int64_t, 3>{1, 1, 16}, {1, 8, 16}, {8, 4, 16}, {4, 8, 16}, {1, 4, 4}}) {
    auto const batch = batch_of(*morph, 1, cells);
    EXPECT_LE(distance(frozen->predict(batch), morph->predict(batch, {})), kRoundOff);
  }
}

TEST(FrozenMorph, EqualsItsNetworkWithSeveralFrames) {
  at::NoGradGuard const no_grad;
  auto config = tiny();
  config.history = 3;
  config.max_ar = 4;
  config.lora = {.attention_rank = 2, .mlp_rank = 3};
  for (auto const mode : {PositionMode::slice, PositionMode::bilinear}) {
    config.positions = mode;
    auto const morph = network(config, flow());
    auto const batch = batch_of(*morph, 4, {1, 8, 12});
    auto const expected = morph->predict(batch, {});
    EXPECT_LE(distance(morph->freeze(Precision::fp32)->predict(batch), expected), kRoundOff);
  }
}

TEST(FrozenMorph, EqualsItsNetworkInEveryLayoutOfFieldsAndCopies) {
  at::NoGradGuard const no_grad;
  auto config = tiny();
  config.max_fields = 4;
  config.max_components = 4;
  for (auto const layout : {FieldLayout::vectors, FieldLayout::split, FieldLayout::joined}) {
    for (auto const copies : {Copies::mean, Copies::first}) {
      config.layout = layout;
      config.copies = copies;
      auto const morph = network(config, flow());
      auto const batch = batch_of(*morph, 4, {1, 8, 8});
      auto const expected = morph->predict(batch, {});
      EXPECT_LE(distance(morph->freeze(Precision::fp32)->predict(batch), expected), kRoundOff);
    }
  }
}

TEST(FrozenMorph, EqualsItsNetworkWhereAnOutputIsNoInput) {
  at::NoGradGuard const no_grad;
  for (auto const layout : {FieldLayout::vectors, FieldLayout::joined}) {
    auto config = tiny();
    config.layout = layout;
    Morph morph(config,
                {.input_fields = scalar(),
                 .output_fields = FieldSet({{.name = "u"}, {.name = "vorticity"}})},
                1);
    morph.eval();
    auto const batch = batch_of(morph, 1, {1, 8, 8});
    auto const expected = morph.predict(batch, {});
    EXPECT_EQ(expected.size(2), 2);
    EXPECT_LE(distance(morph.freeze(Precision::fp32)->predict(batch), expected), kRoundOff);
  }
}

TEST(FrozenMorph, IsCloseInBfloat16) {
  at::NoGradGuard const no_grad;
  auto const morph = network(tiny(), flow());
  auto const batch = batch_of(*morph, 4, {1, 8, 8});
  auto const expected = morph->predict(batch, {});
  auto const rough = morph->freeze(Precision::bf16)->predict(batch);
  EXPECT_EQ(rough.scalar_type(), at::kFloat);
  EXPECT_GT(distance(rough, expected), 0);
  EXPECT_LE(distance(rough, expected), 0.1 * expected.abs().max().item<double>());  // 8 bits
}

/// Folds are made when a grid first comes: by then the network may have learned on.
TEST(FrozenMorph, DoesNotChangeWithItsNetworkOnGridsThatComeLater) {
  auto const morph = network(tiny(), scalar());
  auto const frozen = morph->freeze(Precision::fp32);
  c10::InferenceMode const inference;
  auto const batch = batch_of(*morph, 1, {1, 8, 16});
  auto const expected = morph->predict(batch, {});
  for (auto& parameter : morph->parameters()) {
    parameter.zero_();
  }
  EXPECT_LE(distance(frozen->predict(batch), expected), kRoundOff);
}

TEST(FrozenMorph, WorksOutsideInferenceModeAfterItWasUsedInside) {
  auto const morph = network(tiny(), scalar());
  auto const frozen = morph->freeze(Precision::fp32);
  auto const batch = batch_of(*morph, 1, {1, 8, 16});
  at::Tensor first;
  {
    c10::InferenceMode const inference;
    first = frozen->predict(batch).clone();
  }
  EXPECT_TRUE(at::equal(frozen->predict(batch), first));
}

TEST(FrozenMorph, RefusesWhatItsNetworkRefuses) {
  auto const morph = network(tiny(), scalar());
  auto const frozen = morph->freeze(Precision::fp32);
  auto const message_of = [&](std::vector<int64_t> const& shape) -> std::string {
    try {
      frozen->predict({.input = at::zeros(shape)});
    } catch (Error const& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_THAT(message_of({1, 2, 1, 1, 8, 8}),
              testing::HasSubstr("the batch has 2 input frames, model.history is 1"));
  EXPECT_THAT(message_of({1, 1, 1, 1, 8, 9}),
              testing::HasSubstr("axis W has 9 points, not a multiple of patch 4"));
}

}  // namespace
}  // namespace eddyline
