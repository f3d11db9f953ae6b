#include "surrogates/layers/pass.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace eddyline {
namespace {

Pass training(std::vector<int64_t> samples, uint64_t step = 3) {
  return {.training = true, .random = {.seed = 1, .step = step}, .samples = std::move(samples)};
}

TEST(Drop, KeepsTheShareAndTheMeanThatItShould) {
  auto const x = at::ones({4, 50'000});
  auto const y = drop(x, 0.1, 7, training({0, 1, 2, 3}));
  // 200000 draws: the share of zeros is 0.1 ± 0.0007, one standard deviation
  EXPECT_NEAR((y == 0).to(at::kDouble).mean().item<double>(), 0.1, 0.003);
  EXPECT_NEAR(y.mean().item<double>(), 1, 0.003);
}

TEST(Drop, DependsOnSeedStepSiteAndSampleAlone) {
  auto const x = at::ones({3, 1000});
  auto const whole = drop(x, 0.5, 7, training({10, 11, 12}));
  EXPECT_TRUE(at::equal(drop(x.narrow(0, 1, 1), 0.5, 7, training({11})), whole.narrow(0, 1, 1)));
  EXPECT_FALSE(at::equal(whole[0], whole[1]));
  EXPECT_FALSE(at::equal(whole, drop(x, 0.5, 8, training({10, 11, 12}))));
  EXPECT_FALSE(at::equal(whole, drop(x, 0.5, 7, training({10, 11, 12}, 4))));
}

TEST(Drop, TellsPassesOfOneStepApart) {
  auto const x = at::ones({1, 1000});
  auto second = training({0});
  second.random.layer = 1;
  EXPECT_FALSE(at::equal(drop(x, 0.5, 7, training({0})), drop(x, 0.5, 7, second)));
}

TEST(Drop, DoesNothingInEvaluation) {
  auto const x = at::ones({2, 8});
  EXPECT_TRUE(drop(x, 0.5, 7, {.samples = {0, 1}}).is_same(x));
  EXPECT_TRUE(drop(x, 0, 7, training({0, 1})).is_same(x));
}

}  // namespace
}  // namespace eddyline
