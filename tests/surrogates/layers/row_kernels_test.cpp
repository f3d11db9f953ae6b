#include "surrogates/layers/row_kernels.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "surrogates/layers/tile_product.hpp"

namespace eddyline {
namespace {

std::vector<float> values(int count) {
  std::vector<float> made;
  for (int i = 0; i < count; ++i) {
    made.push_back(8 * std::sin(static_cast<float>(7 * i)));
  }
  return made;
}

TEST(RowKernels, ExponentiateAroundTheLargestNumber) {
  if (!has_tiles()) {
    GTEST_SKIP() << "this processor has no bfloat16 tiles";
  }
  for (auto const count : {1, 15, 16, 100}) {
    auto const x = values(count);
    auto y = x;
    y.push_back(-3);  // beyond the row
    auto const sum = rows::exponentiate(y.data(), count, 0.5F);
    auto const most = *std::max_element(x.begin(), x.end());
    double expected = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      auto const one = std::exp(0.5 * (static_cast<double>(x[i]) - static_cast<double>(most)));
      EXPECT_NEAR(y[i], one, 3e-7) << i << " of " << count;
      expected += one;
    }
    EXPECT_NEAR(sum, expected, 1e-5 * expected);
    EXPECT_EQ(y.back(), -3);
  }
}

TEST(RowKernels, PassNotANumberOn) {
  if (!has_tiles()) {
    GTEST_SKIP() << "this processor has no bfloat16 tiles";
  }
  auto x = values(20);
  x[3] = std::numeric_limits<float>::quiet_NaN();
  auto y = x;
  EXPECT_TRUE(std::isnan(rows::exponentiate(y.data(), 20, 1)));
  rows::finish(x.data(), nullptr, 20, rows::End::gelu);
  EXPECT_TRUE(std::isnan(x[3]));
  EXPECT_FALSE(std::isnan(x[4]));
}

TEST(RowKernels, FinishWithBiasAndGelu) {
  if (!has_tiles()) {
    GTEST_SKIP() << "this processor has no bfloat16 tiles";
  }
  auto const x = values(37), bias = values(40);
  auto y = x;
  y.push_back(-3);
  rows::finish(y.data(), bias.data(), 37, rows::End::gelu);
  for (size_t i = 0; i < x.size(); ++i) {
    auto const sum = static_cast<double>(x[i]) + static_cast<double>(bias[i]);
    EXPECT_NEAR(y[i], sum * 0.5 * std::erfc(-sum / std::sqrt(2.0)), 2e-6) << sum;
  }
  EXPECT_EQ(y.back(), -3);
}

}  // namespace
}  // namespace eddyline
