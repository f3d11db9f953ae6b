#include "data/sharding/exchange.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace eddyline {
namespace {

at::Tensor doubled(at::Tensor const& x) {
  return 2 * x;
}

TEST(Exchange, GivesItsResultAndPassesTheGradientThroughTheAdjoint) {
  auto const x = at::ones({3}).set_requires_grad(true);
  auto const y = exchange(x, doubled, [](at::Tensor const& g) { return 5 * g; });
  EXPECT_TRUE(at::equal(y, at::full({3}, 2.0F)));
  y.sum().backward();
  EXPECT_TRUE(at::equal(x.grad(), at::full({3}, 5.0F)));
}

TEST(Exchange, KeepsNoGraphWhereNoneIsWanted) {
  EXPECT_FALSE(exchange(at::ones({3}), doubled, doubled).requires_grad());
}

}  // namespace
}  // namespace eddyline
