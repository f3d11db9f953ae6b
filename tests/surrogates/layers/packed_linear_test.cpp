#include "surrogates/layers/packed_linear.hpp"

#include <numeric>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/random.hpp"
#include "tests/numbers.hpp"

namespace eddyline {
namespace {

double distance(at::Tensor const& a, at::Tensor const& b) {
  return (a - b).abs().max().item<double>();
}

constexpr double kRoundOff = 1e-5;  // sums of 48 products of size one in float32

TEST(PackedLinear, IsTheLinearMapOverTheLastAxis) {
  at::NoGradGuard const no_grad;
  auto const weight = numbers({40, 48}, 1), bias = numbers({40}, 2), x = numbers({3, 5, 48}, 3);
  for (auto const& b : {bias, at::Tensor()}) {
    PackedLinear const packed(weight, b);
    EXPECT_LE(distance(packed.forward(x), at::linear(x, weight, b)), kRoundOff);
    EXPECT_LE(distance(packed.forward(x, Activation::gelu), at::gelu(at::linear(x, weight, b))),
              kRoundOff);
  }
}

TEST(PackedLinear, AddsToAnotherTensor) {
  at::NoGradGuard const no_grad;
  auto const weight = numbers({40, 48}, 1), bias = numbers({40}, 2), x = numbers({3, 5, 48}, 3),
             before = numbers({3, 5, 40}, 4);
  for (auto const& b : {bias, at::Tensor()}) {
    auto const y = before.clone();
    PackedLinear(weight, b).add_to(y, x);
    EXPECT_LE(distance(y, before + at::linear(x, weight, b)), kRoundOff);
  }
}

TEST(PackedLinear, TakesStridedInput) {
  at::NoGradGuard const no_grad;
  auto const weight = numbers({8, 48}, 1), x = numbers({48, 6}, 3).t();
  EXPECT_LE(distance(PackedLinear(weight, {}).forward(x), at::linear(x, weight)), kRoundOff);
}

TEST(PackedLinear, DoesNotSeeLaterChangesOfTheWeights) {
  at::NoGradGuard const no_grad;
  auto const weight = numbers({8, 16}, 1), bias = numbers({8}, 2), x = numbers({4, 16}, 3);
  PackedLinear const packed(weight, bias);
  auto const before = packed.forward(x).clone();
  weight.zero_();
  bias.zero_();
  EXPECT_TRUE(at::equal(packed.forward(x), before));
}

TEST(PackedLinear, MultipliesInBfloat16WhereAsked) {
  at::NoGradGuard const no_grad;
  auto const weight = numbers({40, 48}, 1), bias = numbers({40}, 2), x = numbers({7, 48}, 3);
  auto const y = PackedLinear(weight, bias, Precision::bf16).forward(x);
  auto const exact = at::linear(x, weight, bias);
  EXPECT_EQ(y.scalar_type(), at::kFloat);
  EXPECT_GT(distance(y, exact), 1e-4);  // so it was bfloat16
  // Each factor is off by 2^-9 of its size, the result by as much again.
  EXPECT_LE(distance(y, exact), 0.15);
}

TEST(PackedLinear, KeepsFloat64) {
  at::NoGradGuard const no_grad;
  auto const weight = numbers({8, 16}, 1).to(at::kDouble), x = numbers({4, 16}, 3).to(at::kDouble);
  EXPECT_LE(distance(PackedLinear(weight, {}).forward(x), at::linear(x, weight)), 1e-13);
}

}  // namespace
}  // namespace eddyline
