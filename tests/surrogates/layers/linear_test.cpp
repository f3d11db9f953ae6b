#include "surrogates/layers/linear.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/random.hpp"
#include "tests/numbers.hpp"

namespace eddyline {
namespace {

void fill(at::Tensor const& tensor, uint64_t seed) {
  at::NoGradGuard const no_grad;
  auto flat = at::empty({1, tensor.numel()});
  fill_normal(flat, {.seed = seed}, {0});
  tensor.copy_(flat.view(tensor.sizes()));
}

TEST(LoraLinear, EqualsItsBaseLayerWhileBIsZero) {
  LoraLinear layer(8, 4, {.rank = 2});
  fill(layer.base->weight, 1);
  fill(layer.A, 2);
  auto const x = numbers({3, 8}, 3);
  EXPECT_TRUE(at::equal(layer.forward(x, {}), layer.base->forward(x, {})));
}

TEST(LoraLinear, AddsAlphaOverRankTimesBA) {
  auto const x = numbers({3, 8}, 3);
  for (auto const& [alpha, factor] :
       {std::pair<std::optional<double>, double>{std::nullopt, 2.0}, {3.0, 1.5}}) {
    LoraLinear layer(8, 4, {.rank = 2, .alpha = alpha});
    fill(layer.base->weight, 1);
    fill(layer.A, 2);
    fill(layer.B, 4);
    auto const merged = layer.base->weight + at::matmul(layer.B, layer.A) * factor;
    EXPECT_TRUE(
        at::allclose(layer.forward(x, {}), at::linear(x, merged, layer.base->bias), 1e-5, 1e-5));
  }
}

TEST(LoraLinear, HasOwnParametersBeforeItsBase) {
  LoraLinear const adapted(8, 4, {.rank = 2});
  EXPECT_EQ(adapted.named_parameters().keys(),
            (std::vector<std::string>{"A", "B", "base.weight", "base.bias"}));
  LoraLinear const plain(8, 4, {});
  EXPECT_EQ(plain.named_parameters().keys(),
            (std::vector<std::string>{"base.weight", "base.bias"}));
}

TEST(ApplyLinear, TakesStridedInputAndGivesFloat32InBothPrecisions) {
  auto const x = numbers({2, 8, 5}, 1).transpose(1, 2);
  auto const weight = numbers({4, 8}, 2), bias = numbers({4}, 3);
  auto const exact = apply_linear(x, weight, bias, Precision::fp32);
  EXPECT_EQ(exact.sizes().vec(), (std::vector<int64_t>{2, 5, 4}));
  auto const rough = apply_linear(x, weight, bias, Precision::bf16);
  EXPECT_EQ(rough.scalar_type(), at::kFloat);
  EXPECT_TRUE(at::allclose(rough, exact, 0.05, 0.1));  // 8 bits of mantissa, sums of 8
}

TEST(LayerNorm, NormalisesTheLastAxis) {
  LayerNorm const norm(64);
  auto const y = norm.forward(numbers({5, 64}, 1) * 3 + 2);
  EXPECT_TRUE(at::allclose(y.mean(-1), at::zeros({5}), 0, 1e-5));
  EXPECT_TRUE(at::allclose(y.var(-1, false), at::ones({5}), 1e-4, 1e-4));
}

TEST(LayerNorm, AddsItsEpsilonToTheVariance) {
  LayerNorm const norm(2, 3.0);
  auto const y = norm.forward(at::tensor({1.0F, -1.0F}));  // variance 1
  EXPECT_TRUE(at::allclose(y, at::tensor({0.5F, -0.5F})));
}

}  // namespace
}  // namespace eddyline
