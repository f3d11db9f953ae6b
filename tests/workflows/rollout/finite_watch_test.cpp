#include "workflows/rollout/finite_watch.hpp"

#include <cmath>
#include <limits>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace eddyline {
namespace {

TEST(FiniteWatch, NamesTheFirstBadStep) {
  FiniteWatch watch;
  EXPECT_FALSE(watch.first_bad());
  watch.see(1, at::ones({3}));
  EXPECT_FALSE(watch.first_bad());
  watch.see(2, at::full({3}, std::numeric_limits<float>::infinity()));
  watch.see(3, at::full({3}, std::nan("")));
  EXPECT_EQ(watch.first_bad(), 2);
}

}  // namespace
}  // namespace eddyline
