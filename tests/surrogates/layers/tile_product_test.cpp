#include "surrogates/layers/tile_product.hpp"

#include <cmath>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "tests/numbers.hpp"

namespace eddyline {
namespace {

constexpr double kAbsoluteOfGelu = 1e-6;  // Φ is good to 1.5e-7, its argument here at most 5

#define NEEDS_TILES()                                       \
  if (!has_tiles()) {                                       \
    GTEST_SKIP() << "this processor has no bfloat16 tiles"; \
  }

double distance(at::Tensor const& a, at::Tensor const& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

at::Tensor product(at::Tensor const& x,
                   at::Tensor const& weight,
                   TileEnd const& end = {},
                   Precision precision = Precision::fp32) {
  auto const y = at::full({x.size(0), weight.size(0)}, 7e7, x.options());
  TileMatrix(weight, precision).multiply(x, y, end);
  return y;
}

at::Tensor exact(at::Tensor const& x, at::Tensor const& weight) {
  return at::matmul(x.to(at::kDouble), weight.to(at::kDouble).t());
}

TEST(TileMatrix, IsAsExactAsFloat32InEveryShape) {
  NEEDS_TILES();
  for (auto const rows : {1, 31, 33, 300}) {
    for (auto const columns : {1, 20, 32, 81}) {
      for (auto const depth : {1, 31, 64, 600}) {
        auto const x = numbers({rows, depth}, 1), weight = numbers({columns, depth}, 2);
        auto const reference = exact(x, weight);
        // Sums of either kind differ in their order; a lost product would show at 2^-9 of a term.
        auto const bound = 4e-7 * std::sqrt(depth) * (1 + reference.abs().max().item<double>());
        EXPECT_LE(distance(product(x, weight), reference), bound)
            << rows << " x " << depth << " x " << columns;
      }
    }
  }
}

TEST(TileMatrix, KeepsAll24BitsOfBothFactors) {
  NEEDS_TILES();
  // One product each: 1 + 2^-23 has its last bit in the third piece.
  auto const x = at::full({1, 1}, 1 + std::exp2(-23.0F)), one = at::ones({1, 1});
  EXPECT_EQ(product(x, one).item<float>(), x.item<float>());
  EXPECT_EQ(product(one, x).item<float>(), x.item<float>());
  auto const a = numbers({256, 1}, 3), b = numbers({64, 1}, 4);
  auto const reference = exact(a, b);
  EXPECT_LE(distance(product(a, b) / reference, at::ones({256, 64})), std::exp2(-22.0));
}

TEST(TileMatrix, TakesStridesOfBothFactors) {
  NEEDS_TILES();
  auto const x = numbers({40, 96}, 1).narrow(1, 32, 40), weight = numbers({40, 24}, 2).t();
  EXPECT_LE(distance(product(x, weight), exact(x, weight)), 1e-5);
}

TEST(TileMatrix, WritesNothingBesideItsColumns) {
  NEEDS_TILES();
  auto const x = numbers({40, 40}, 1), weight = numbers({20, 40}, 2);
  auto const wide = at::zeros({40, 30});
  TileMatrix(weight, Precision::fp32).multiply(x, wide.narrow(1, 5, 20), {});
  EXPECT_LE(distance(wide.narrow(1, 5, 20), exact(x, weight)), 1e-5);
  EXPECT_EQ(wide.narrow(1, 0, 5).abs().max().item<float>(), 0);
  EXPECT_EQ(wide.narrow(1, 25, 5).abs().max().item<float>(), 0);
}

TEST(TileMatrix, AddsTheBiasAndAppliesTheExactGelu) {
  NEEDS_TILES();
  auto const x = numbers({50, 24}, 1), weight = numbers({40, 24}, 2) / 4, bias = numbers({40}, 3);
  auto const sum = exact(x, weight) + bias;
  EXPECT_LE(distance(product(x, weight, {.bias = bias}), sum), 1e-5);
  auto const y = product(x, weight, {.bias = bias, .activation = Activation::gelu});
  EXPECT_LE(distance(y, at::gelu(sum)), kAbsoluteOfGelu);
}

TEST(TileMatrix, AddsToWhatIsThere) {
  NEEDS_TILES();
  for (auto const columns : {20, 64}) {
    auto const x = numbers({50, 300}, 1), weight = numbers({columns, 300}, 2),
               before = numbers({50, columns}, 3);
    auto const y = before.clone();
    TileMatrix(weight, Precision::fp32).multiply(x, y, {.into = TileEnd::Into::onto});
    EXPECT_LE(distance(y, exact(x, weight) + before), 1e-4);  // sums of 300 products
  }
}

TEST(TileMatrix, HasTheTailsOfGelu) {
  NEEDS_TILES();
  auto const x = at::linspace(-12, 12, 4001, at::kDouble).to(at::kFloat).unsqueeze(1);
  auto const y = product(x, at::ones({1, 1}), {.activation = Activation::gelu});
  EXPECT_LE(distance(y, at::gelu(x.to(at::kDouble))), kAbsoluteOfGelu);
}

TEST(TileMatrix, IsTheSameOnAnyNumberOfThreads) {
  NEEDS_TILES();
  auto const x = numbers({300, 70}, 1), weight = numbers({200, 70}, 2);
  auto const before = at::get_num_threads();
  at::set_num_threads(1);
  auto const alone = product(x, weight);
  for (auto const threads : {2, 3, 9}) {
    at::set_num_threads(threads);
    EXPECT_TRUE(at::equal(product(x, weight), alone)) << threads;
  }
  at::set_num_threads(before);
}

TEST(TileMatrix, RoundsFactorsAloneInBfloat16) {
  NEEDS_TILES();
  auto const x = numbers({37, 48}, 1), weight = numbers({40, 48}, 2);
  auto const rounded = [](at::Tensor const& value) { return value.to(at::kBFloat16); };
  EXPECT_LE(distance(product(x, weight, {}, Precision::bf16), exact(rounded(x), rounded(weight))),
            1e-5);
}

TEST(TileMatrix, PassesNotANumberOn) {
  NEEDS_TILES();
  auto const x = numbers({3, 8}, 1);
  x[1][2].fill_(std::nan(""));
  auto const y = product(x, numbers({5, 8}, 2));
  EXPECT_TRUE(at::isnan(y[1]).all().item<bool>());
  EXPECT_FALSE(at::isnan(y[0]).any().item<bool>());
}

}  // namespace
}  // namespace eddyline
