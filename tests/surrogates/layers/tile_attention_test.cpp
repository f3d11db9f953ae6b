#include "surrogates/layers/tile_attention.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/numbers.hpp"

namespace eddyline {
namespace {

constexpr double kRoundOff = 5e-6;  // averages of values of size one, scores of size three

double distance(at::Tensor const& a, at::Tensor const& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  return (a - b).abs().max().item<double>();
}

at::Tensor expected(at::Tensor const& q, at::Tensor const& k, at::Tensor const& v) {
  return at::scaled_dot_product_attention(q.to(at::kDouble), k.to(at::kDouble), v.to(at::kDouble));
}

TEST(FrozenAttention, IsSoftmaxAttentionForAnyNumberOfQueriesAndKeys) {
  at::NoGradGuard const no_grad;
  for (auto const queries : {1, 64, 130}) {
    for (auto const keys : {3, 64, 65, 200}) {
      auto const q = numbers({2, 3, queries, 24}, 1), k = numbers({2, 3, keys, 24}, 2),
                 v = numbers({2, 3, keys, 24}, 3);
      EXPECT_LE(distance(frozen_attention(q, k, v, Precision::fp32), expected(q, k, v)), kRoundOff)
          << queries << " queries, " << keys << " keys";
    }
  }
}

TEST(FrozenAttention, TakesHeadsOfOneProduct) {
  at::NoGradGuard const no_grad;
  auto const all = numbers({2, 100, 3, 4, 16}, 1);  // (B, n, q k v, heads, d)
  auto const part = [&](int64_t i) { return all.select(2, i).transpose(1, 2); };
  EXPECT_LE(distance(frozen_attention(part(0), part(1), part(2), Precision::fp32),
                     expected(part(0), part(1), part(2))),
            kRoundOff);
}

TEST(FrozenAttention, HoldsScoresThatOverflowAnExponential) {
  at::NoGradGuard const no_grad;
  auto const q = numbers({1, 1, 70, 32}, 1) * 100, k = numbers({1, 1, 80, 32}, 2) * 100,
             v = numbers({1, 1, 80, 32}, 3);
  // Scores near 1e5: their last bit is 2^-7, so shares of near ties move by that.
  EXPECT_LE(distance(frozen_attention(q, k, v, Precision::fp32), expected(q, k, v)), 0.1);
}

TEST(FrozenAttention, KeepsFloat64) {
  at::NoGradGuard const no_grad;
  auto const q = doubles({1, 2, 70, 8}, 1), k = doubles({1, 2, 80, 8}, 2),
             v = doubles({1, 2, 80, 8}, 3);
  EXPECT_LE(distance(frozen_attention(q, k, v, Precision::fp32), expected(q, k, v)), 1e-12);
}

TEST(FrozenAttention, IsCloseInBfloat16) {
  at::NoGradGuard const no_grad;
  auto const q = numbers({1, 2, 70, 32}, 1), k = numbers({1, 2, 80, 32}, 2),
             v = numbers({1, 2, 80, 32}, 3);
  auto const off =
      distance(frozen_attention(q, k, v, Precision::bf16), expected(q, k, v).to(at::kFloat));
  EXPECT_GT(off, 1e-4);  // so it was bfloat16
  EXPECT_LE(off, 0.05);
}

}  // namespace
}  // namespace eddyline
