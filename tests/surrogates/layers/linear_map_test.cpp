#include "surrogates/layers/linear_map.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace eddyline {
namespace {

constexpr double kRoundOff = 1e-5;  // float32 sums of tens of terms of size one

void draw(torch::nn::Module& layer) {
  at::NoGradGuard const no_grad;
  for (auto& parameter : layer.parameters()) {
    parameter.copy_(at::randn(parameter.sizes()));
  }
}

TEST(LinearMap, AfterAnotherIsBothInTurn) {
  at::manual_seed(1);
  Linear first(5, 7), second(7, 3);
  draw(first);
  draw(second);
  at::NoGradGuard const no_grad;
  auto const x = at::randn({4, 5});
  auto const expected = second.forward(first.forward(x, {}), {});
  auto const map = LinearMap(second).after(LinearMap(first));
  auto const made = map.packed(at::kFloat, Precision::fp32).forward(x);
  EXPECT_LE((made - expected).abs().max().item<double>(), kRoundOff);
}

TEST(LinearMap, AboveAnotherGivesBothResults) {
  at::manual_seed(1);
  Linear upper(5, 2), lower(5, 3);
  draw(upper);
  draw(lower);
  at::NoGradGuard const no_grad;
  auto const x = at::randn({4, 5});
  auto const expected = at::cat({upper.forward(x, {}), lower.forward(x, {})}, 1);
  auto const map = LinearMap(upper).above(LinearMap(lower));
  auto const made = map.packed(at::kFloat, Precision::fp32).forward(x);
  EXPECT_LE((made - expected).abs().max().item<double>(), kRoundOff);
}

TEST(LinearMap, MergesLowRankAdaptation) {
  at::manual_seed(1);
  LoraLinear layer(5, 4, {.rank = 2, .alpha = 3.0});
  draw(layer);
  at::NoGradGuard const no_grad;
  auto const x = at::randn({6, 5});
  auto const made = LinearMap(layer).packed(at::kFloat, Precision::fp32).forward(x);
  EXPECT_LE((made - layer.forward(x, {})).abs().max().item<double>(), kRoundOff);
}

}  // namespace
}  // namespace eddyline
