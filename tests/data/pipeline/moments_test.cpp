#include "data/pipeline/moments.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace eddyline {
namespace {

std::vector<float> wave(int64_t n, float offset) {
  std::vector<float> values;
  for (int64_t i = 0; i < n; ++i) {
    values.push_back(offset + std::sin(static_cast<float>(i)));
  }
  return values;
}

TEST(Moments, AreThoseOfTheDefinition) {
  std::vector<float> const values = {1, 2, 4, 9};
  auto const moments = moments_of(values.data(), nullptr, 4);
  EXPECT_DOUBLE_EQ(moments.mean, 4);
  EXPECT_DOUBLE_EQ(moments.variance(), (9 + 4 + 0 + 25) / 4.0);
}

TEST(Moments, LeaveMissingValuesOut) {
  std::vector<float> const values = {1, std::numeric_limits<float>::quiet_NaN(), 3};
  auto const moments = moments_of(values.data(), nullptr, 3);
  EXPECT_EQ(moments.count, 2);
  EXPECT_DOUBLE_EQ(moments.mean, 2);
  EXPECT_DOUBLE_EQ(moments.variance(), 1);
}

TEST(Moments, MergedPartsEqualTheWhole) {
  auto const values = wave(1000, 3e4F);
  auto merged = moments_of(values.data(), nullptr, 137);
  merged.merge({});
  merged.merge(moments_of(values.data() + 137, nullptr, 863));
  auto const whole = moments_of(values.data(), nullptr, 1000);
  EXPECT_EQ(merged.count, whole.count);
  EXPECT_NEAR(merged.mean, whole.mean, 1e-11);  // float64 round-off at 3e4
  EXPECT_NEAR(merged.variance(), whole.variance(), 1e-11);
}

TEST(Moments, KeepTheirDigitsBesideALargeMean) {
  auto const values =
      wave(1000, 16384);  // sums of squares in float32 would lose all of the variance
  auto const small = moments_of(wave(1000, 0).data(), nullptr, 1000);
  EXPECT_NEAR(moments_of(values.data(), nullptr, 1000).variance(),
              small.variance(),
              1e-3 * small.variance());  // float32 input
}

TEST(Moments, WeighTheirValues) {
  std::vector<float> const values = {1, 5};
  std::vector<double> const weights = {3, 1};
  auto const moments = moments_of(values.data(), weights.data(), 2);
  EXPECT_DOUBLE_EQ(moments.mean, 2);
  EXPECT_DOUBLE_EQ(moments.variance(), (3 * 1 + 1 * 9) / 4.0);
}

TEST(Moments, OfDifferencesNeedBothValues) {
  std::vector<float> const a = {1, 2, std::numeric_limits<float>::quiet_NaN()};
  std::vector<float> const b = {3, 7, 1};
  auto const moments = moments_of_difference(a.data(), b.data(), nullptr, 3);
  EXPECT_EQ(moments.count, 2);
  EXPECT_DOUBLE_EQ(moments.mean, 3.5);
}

}  // namespace
}  // namespace eddyline
