#include "surrogates/gphyt/block.hpp"

#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace eddyline {
namespace {

constexpr int64_t kDim = 12;
constexpr int64_t kHeads = 3;

GphytConfig small(GphytAttentionMode mode, double dropout = 0, double depth = 0) {
  return {.hidden_dim = kDim,
          .mlp_dim = 20,
          .num_heads = kHeads,
          .num_layers = 1,
          .attention = mode,
          .dropout = dropout,
          .stochastic_depth = depth};
}

template <class Module>
void randomise(Module const& module) {
  at::NoGradGuard const no_grad;
  at::manual_seed(1);
  for (auto const& parameter : module.parameters()) {
    parameter.copy_(at::randn(parameter.sizes()) * 0.4);
  }
}

/// The attention as the paper's code has it, for the tokens (N, C) of one sample: two projections
/// one after the other, head by head, `allowed` (N, N) true where a key is seen.
at::Tensor plain(GphytAttention const& attention,
                 at::Tensor const& z,
                 at::Tensor const& allowed,
                 std::function<at::Tensor(at::Tensor const&)> const& turn) {
  auto const inner = at::matmul(z, attention.to_qkv.t()).chunk(3, 1);
  auto const weights = attention.attention->in_proj_weight.chunk(3);
  auto const biases = attention.attention->in_proj_bias.chunk(3);
  auto const q = at::linear(turn(inner[0]), weights[0], biases[0]);
  auto const k = at::linear(turn(inner[1]), weights[1], biases[1]);
  auto const v = at::linear(inner[2], weights[2], biases[2]);
  std::vector<at::Tensor> heads;
  auto const width = kDim / kHeads;
  for (int64_t h = 0; h < kHeads; ++h) {
    auto const part = [&](at::Tensor const& x) { return x.narrow(1, width * h, width); };
    auto const scores = at::matmul(part(q), part(k).t()) / std::sqrt(static_cast<double>(width));
    auto const seen = scores.masked_fill(allowed.logical_not(), -INFINITY);
    heads.push_back(at::matmul(at::softmax(seen, 1), part(v)));
  }
  return attention.attention->out_proj->forward(at::cat(heads, 1), {});
}

/// Which tokens of n_t times of n cells see each other: (N, N).
at::Tensor allowed(GphytAttentionMode mode, int64_t times, int64_t cells) {
  auto const time = at::arange(times).repeat_interleave(cells);
  auto const cell = at::arange(cells).repeat({times});
  switch (mode) {
    case GphytAttentionMode::full_causal:
      return time.unsqueeze(1).ge(time.unsqueeze(0));
    case GphytAttentionMode::spatial:
      return time.unsqueeze(1).eq(time.unsqueeze(0));
    case GphytAttentionMode::temporal:
      return cell.unsqueeze(1).eq(cell.unsqueeze(0));
    default:
      return at::ones({times * cells, times * cells}, at::kBool);
  }
}

at::Tensor same(at::Tensor const& x) {
  return x;
}

/// Few tokens take the two projections apart, many take their product: 6 and 30 tokens of width 12.
TEST(GphytAttention, EqualsThePlainFormInEveryModeAndForFewAndManyTokens) {
  at::NoGradGuard const no_grad;
  for (auto const& [mode, name] : EnumNames<GphytAttentionMode>::names) {
    for (int64_t const cells : {1, 2, 10}) {
      GphytAttention const attention(small(mode), 0);
      randomise(attention);
      auto const z = at::randn({2, 3, cells, kDim});
      auto const got = attention.forward(z, 3, {}, {});
      for (int64_t b : {0, 1}) {
        auto const expected =
            plain(attention, z[b].flatten(0, 1), allowed(mode, 3, cells), same).view_as(got[b]);
        EXPECT_TRUE(at::allclose(got[b], expected, 1e-4, 1e-5)) << name << " " << cells;
      }
    }
  }
}

TEST(GphytAttention, RotatesBetweenItsTwoProjections) {
  at::NoGradGuard const no_grad;
  for (auto const& [mode, name] : EnumNames<GphytAttentionMode>::names) {
    GphytAttention const attention(small(mode), 0);
    randomise(attention);
    auto const rotary = rotation({3, 2, 4}, kDim, at::TensorOptions(at::kFloat));
    auto const z = at::randn({1, 3, 8, kDim});
    auto const turn = [&](at::Tensor const& u) {
      return rotate(u.view({1, 3, 8, kDim}).contiguous(), rotary).view({24, kDim});
    };
    auto const expected =
        plain(attention, z[0].flatten(0, 1), allowed(mode, 3, 8), turn).view({3, 8, kDim});
    EXPECT_TRUE(at::allclose(attention.forward(z, 3, rotary, {})[0], expected, 1e-4, 1e-5)) << name;
  }
}

TEST(GphytAttention, OfTheNewestTimesIsTheirPartOfTheWhole) {
  at::NoGradGuard const no_grad;
  auto const rotary = rotation({3, 2, 4}, kDim, at::TensorOptions(at::kFloat));
  for (auto const& [mode, name] : EnumNames<GphytAttentionMode>::names) {
    GphytAttention const attention(small(mode), 0);
    randomise(attention);
    auto const z = at::randn({2, 3, 8, kDim});
    auto const whole = attention.forward(z, 3, rotary, {});
    for (int64_t const rows : {1, 2}) {
      auto const part = attention.forward(z, rows, rotary, {});
      EXPECT_TRUE(at::allclose(part, whole.narrow(1, 3 - rows, rows), 1e-4, 1e-5)) << name;
    }
  }
}

TEST(GphytAttention, DroppedProbabilitiesChangeNothingOnAverage) {
  at::NoGradGuard const no_grad;
  for (auto const& [mode, name] : EnumNames<GphytAttentionMode>::names) {
    GphytAttention const attention(small(mode, 0.2), 0);
    randomise(attention);
    auto const z = at::randn({1, 2, 3, kDim});
    auto const exact = attention.forward(z, 2, {}, {});
    auto sum = at::zeros_like(exact), squares = at::zeros_like(exact);
    constexpr int kSteps = 1000;
    for (uint64_t step = 0; step < kSteps; ++step) {
      auto const draw =
          attention.forward(z, 2, {}, {.training = true, .random = {.step = step}, .samples = {0}});
      sum += draw;
      squares += draw.square();
    }
    auto const mean = sum / kSteps;
    auto const deviation = (squares / kSteps - mean.square()).clamp_min(0).sqrt();
    EXPECT_GT(deviation.max().item<double>(), 0.1) << name << ": nothing was dropped";
    // Of 72 means of 1000 draws the farthest lies about 2.7 deviations of a mean off.
    auto const off = (mean - exact).abs() / (deviation / std::sqrt(1.0 * kSteps) + 1e-6);
    EXPECT_LE(off.max().item<double>(), 5) << name;
  }
}

TEST(GphytAttention, InBfloat16GivesFloat32CloseToIt) {
  at::NoGradGuard const no_grad;
  GphytAttention const attention(small(GphytAttentionMode::full), 0);
  randomise(attention);
  auto const z = at::randn({1, 2, 8, kDim});
  auto const exact = attention.forward(z, 2, {}, {});
  auto const rough = attention.forward(z, 2, {}, {.precision = Precision::bf16});
  EXPECT_EQ(rough.scalar_type(), at::kFloat);
  EXPECT_LE((rough - exact).abs().max().item<double>(), 0.05 * exact.abs().max().item<double>());
}

TEST(GphytBlock, HasTheParametersOfUpstreamInItsOrder) {
  GphytBlock const block(small(GphytAttentionMode::full), 0);
  EXPECT_EQ(block.named_parameters().keys(),
            (std::vector<std::string>{"attention.to_qkv.weight",
                                      "attention.attention.in_proj_weight",
                                      "attention.attention.in_proj_bias",
                                      "attention.attention.out_proj.weight",
                                      "attention.attention.out_proj.bias",
                                      "norm1.weight",
                                      "norm1.bias",
                                      "norm2.weight",
                                      "norm2.bias",
                                      "mlp.mlp.0.weight",
                                      "mlp.mlp.0.bias",
                                      "mlp.mlp.2.weight",
                                      "mlp.mlp.2.bias"}));
}

TEST(GphytBlock, AddsItsBranchesToItsInput) {
  at::NoGradGuard const no_grad;
  GphytBlock const block(small(GphytAttentionMode::full), 0);  // weights are zero
  auto const h = at::randn({2, 3, 4, kDim});
  EXPECT_TRUE(at::equal(block.forward(h, 3, {}, {}), h));
  EXPECT_TRUE(at::equal(block.forward(h, 1, {}, {}), h.narrow(1, 2, 1)));
}

TEST(GphytBlock, StochasticDepthKeepsOrSkipsWholeSamples) {
  at::NoGradGuard const no_grad;
  constexpr double kRate = 0.3;
  GphytBlock const block(small(GphytAttentionMode::full, 0, kRate), 0);
  // Only the last bias of the MLP is not zero: the branch is 1 where it is kept.
  block.named_parameters()["mlp.mlp.2.bias"].fill_(1);
  constexpr int64_t kSamples = 2000;
  auto const h = at::zeros({kSamples, 1, 2, kDim});
  Pass pass{.training = true, .random = {.seed = 3}};
  for (int64_t b = 0; b < kSamples; ++b) {
    pass.samples.push_back(b);
  }
  auto const y = block.forward(h, 1, {}, pass).flatten(1);
  EXPECT_TRUE(at::equal(y, y.narrow(1, 0, 1).expand_as(y))) << "a sample is kept or skipped whole";
  auto const kept = y.select(1, 0).gt(0);
  // 2000 draws: the share is 0.7 ± 0.01, one standard deviation
  EXPECT_NEAR(kept.to(at::kDouble).mean().item<double>(), 1 - kRate, 0.04);
  EXPECT_NEAR(y.max().item<double>(), 1 / (1 - kRate), 1e-6);
  EXPECT_TRUE(at::equal(block.forward(h, 1, {}, {.samples = pass.samples}), at::ones_like(h)));
}

}  // namespace
}  // namespace eddyline
