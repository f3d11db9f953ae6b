#include "surrogates/layers/initial.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace eddyline {
namespace {

TEST(InitialWeights, AreUniformUpToTheBound) {
  auto const weight = at::zeros({300, 200});
  fill_symmetric(weight, 0.25, {.seed = 1, .step = kInitialStep});
  EXPECT_LE(weight.abs().max().item<double>(), 0.25);
  EXPECT_GT(weight.max().item<double>(), 0.2499);
  EXPECT_LT(weight.min().item<double>(), -0.2499);
  // 60000 draws: the mean is 0 ± 0.0006, one standard deviation
  EXPECT_NEAR(weight.mean().item<double>(), 0, 0.003);
}

TEST(InitialWeights, AreNormalOfTheDeviationAskedFor) {
  auto const table = at::zeros({1, 300, 200});
  fill_gaussian(table, 0.02, {.seed = 1, .step = kInitialStep});
  EXPECT_NEAR(table.std().item<double>(), 0.02, 2e-4);
  EXPECT_NEAR(table.mean().item<double>(), 0, 4e-4);
}

TEST(InitialWeights, DependOnTheirKeyAlone) {
  auto const a = at::zeros({4, 5}), b = at::zeros({4, 5}), c = at::zeros({4, 5});
  fill_symmetric(a, 1, {.seed = 1, .layer = 2});
  fill_symmetric(b, 1, {.seed = 1, .layer = 2});
  fill_symmetric(c, 1, {.seed = 1, .layer = 3});
  EXPECT_TRUE(at::equal(a, b));
  EXPECT_FALSE(at::equal(a, c));
}

TEST(InitialWeights, CountTheInputsOfAnOutputAsPyTorch) {
  EXPECT_EQ(fan_in(at::zeros({7, 5})), 5);
  EXPECT_EQ(fan_in(at::zeros({7, 5, 1, 3, 3})), 45);
}

TEST(InitialWeights, FillParametersThatRequireGradients) {
  auto const weight = at::zeros({2, 2}).requires_grad_();
  fill_symmetric(weight, 1, {.seed = 1});
  EXPECT_FALSE(weight.grad_fn());
  EXPECT_TRUE(weight.requires_grad());
}

}  // namespace
}  // namespace eddyline
