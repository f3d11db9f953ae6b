#include "surrogates/gphyt/frozen_ends.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "surrogates/gphyt/derivatives.hpp"

namespace eddyline {
namespace {

constexpr double kRoundOff = 1e-5;

GphytConfig small() {
  return {.hidden_dim = 6, .num_heads = 2, .patch = {1, 4, 8}, .time_patch = 2};
}

template <class Module>
void randomise(Module const& module) {
  at::NoGradGuard const no_grad;
  at::manual_seed(1);
  for (auto const& parameter : module.parameters()) {
    parameter.copy_(at::randn(parameter.sizes()) * 0.3);
  }
}

at::Tensor frames() {
  at::manual_seed(2);
  return at::randn({2, 4, 3, 8, 16});
}

double distance(at::Tensor const& a, at::Tensor const& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  return (a - b).abs().max().item<double>();
}

TEST(FrozenTokenizer, FoldsDifferencesIntoItsWeights) {
  at::NoGradGuard const no_grad;
  GphytTokenizer const tokenizer(small(), 12);
  randomise(tokenizer);
  auto const x = frames();
  auto const expected = tokenizer.forward(at::cat({x, differences(x, {})}, 2), Precision::fp32);
  FrozenTokenizer const frozen(tokenizer, small(), Precision::fp32);
  EXPECT_LE(distance(frozen.forward(x, 2), expected), kRoundOff);
  EXPECT_LE(distance(frozen.forward(x, 1), expected.narrow(1, 1, 1)), kRoundOff);
}

/// A field 1.5 ± 1e-3: in bfloat16 its cells are all 1.5, and differences would vanish.
TEST(FrozenTokenizer, SubtractsInFloat32WhateverThePrecisionOfItsProducts) {
  at::NoGradGuard const no_grad;
  GphytTokenizer const tokenizer(small(), 12);
  randomise(tokenizer);
  auto const& weight = tokenizer.map().weight;
  weight.narrow(1, 0, 3).zero_();  // of the cells themselves
  auto const x = 1.5 + 1e-3 * frames();
  auto const exact = tokenizer.forward(at::cat({x, differences(x, {})}, 2), Precision::fp32);
  auto const rough = FrozenTokenizer(tokenizer, small(), Precision::bf16).forward(x, 2);
  auto const signal = (exact - tokenizer.map().bias).abs().max().item<double>();
  EXPECT_LE(distance(rough, exact), 0.05 * signal + 0.01 * exact.abs().max().item<double>());
}

TEST(FrozenDetokenizer, GivesAllFramesOrTheNewest) {
  at::NoGradGuard const no_grad;
  GphytDetokenizer const detokenizer(small(), 3);
  randomise(detokenizer);
  auto const tokens = at::randn({2, 2, 2, 2, 6});
  FrozenDetokenizer const frozen(detokenizer, small(), Precision::fp32);
  for (auto const wanted : {GphytFrames::all, GphytFrames::last}) {
    EXPECT_LE(distance(frozen.forward(tokens, wanted),
                       detokenizer.forward(tokens, wanted, Precision::fp32)),
              kRoundOff);
  }
}

TEST(FrozenEnds, KeepTheirOwnWeightsWhereTheyRunAsInTheNetwork) {
  at::NoGradGuard const no_grad;
  auto config = small();
  config.tokenizer = config.detokenizer = {.overlap = 2};
  config.derivatives = false;
  GphytTokenizer const tokenizer(config, 3);
  GphytDetokenizer const detokenizer(config, 3);
  randomise(tokenizer);
  randomise(detokenizer);
  FrozenTokenizer const in(tokenizer, config, Precision::fp32);
  FrozenDetokenizer const out(detokenizer, config, Precision::fp32);
  auto const tokens = in.forward(frames(), 2);
  auto const cells = out.forward(tokens, GphytFrames::last);
  for (auto const& parameter : tokenizer.parameters()) {
    parameter.zero_();
  }
  for (auto const& parameter : detokenizer.parameters()) {
    parameter.zero_();
  }
  EXPECT_FALSE(out.is_local());
  EXPECT_TRUE(at::equal(in.forward(frames(), 2), tokens));
  EXPECT_TRUE(at::equal(out.forward(tokens, GphytFrames::last), cells));
}

}  // namespace
}  // namespace eddyline
