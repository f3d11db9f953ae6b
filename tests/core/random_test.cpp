#include "core/random.hpp"

#include <set>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace eddyline {
namespace {

TEST(Random, ValuesOfASampleDoNotDependOnItsPlaceInTheBatch) {
  RandomKey const key{.seed = 1, .step = 2, .layer = 3};
  auto const together = at::empty({3, 5});
  fill_uniform(together, key, {10, 11, 12});
  auto const alone = at::empty({1, 5});
  fill_uniform(alone, key, {12});
  EXPECT_TRUE(at::equal(together[2], alone[0]));
  EXPECT_FALSE(at::equal(together[1], alone[0]));
}

TEST(Random, NormalHasUnitMoments) {
  auto const values = at::empty({4, 20000}, at::kDouble);
  fill_normal(values, {.seed = 7}, {0, 1, 2, 3});
  // 80000 draws: the mean's standard error is 0.0035, the variance's 0.005; five of them.
  EXPECT_NEAR(values.mean().item<double>(), 0, 0.018);
  EXPECT_NEAR(values.var().item<double>(), 1, 0.025);
}

TEST(Random, PermutationHoldsEveryIndexOnceAndDependsOnTheSeed) {
  auto const order = permutation(100, {.seed = 1});
  EXPECT_EQ(std::set<int64_t>(order.begin(), order.end()).size(), 100u);
  EXPECT_NE(order, permutation(100, {.seed = 2}));
  EXPECT_EQ(order, permutation(100, {.seed = 1}));
}

}  // namespace
}  // namespace eddyline
