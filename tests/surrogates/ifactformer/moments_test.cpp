#include "surrogates/ifactformer/moments.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

namespace eddyline {
namespace {

at::Tensor numbers(std::vector<int64_t> const& shape, at::ScalarType type = at::kFloat) {
  at::manual_seed(1);
  return at::randn(shape, type);
}

TEST(ColumnMoments, AreThoseOfASmallTable) {
  auto const table = at::tensor({1.0, 10.0, 2.0, 10.0, 6.0, 10.0}, at::kDouble).view({1, 3, 2});
  auto const [mean, variance] = column_moments(table);
  EXPECT_TRUE(at::equal(mean, at::tensor({3.0, 10.0}, at::kDouble).view({1, 2}))) << mean;
  EXPECT_NEAR(variance[0][0].item<double>(), 14.0 / 3, 1e-15);
  EXPECT_EQ(variance[0][1].item<double>(), 0);
}

TEST(ColumnMoments, AreTheReductionsOfEverySample) {
  for (int64_t const rows : {1, 127, 128, 129, 1000}) {
    auto const values = numbers({3, rows, 7}, at::kDouble) * 3 + 2;
    auto const [mean, variance] = column_moments(values);
    EXPECT_TRUE(at::allclose(mean, values.mean(1), 1e-13, 1e-13)) << rows;
    EXPECT_TRUE(at::allclose(variance, values.var(1, false), 1e-13, 1e-13)) << rows;
  }
}

TEST(ColumnMoments, OfSmallChangesOfLargeNumbersKeepTheirDigits) {
  // The difference of E[y²] and E[y]² would have none left: (10^4)² has an ulp of 8 in float32.
  auto const values = numbers({1, 5000, 4}, at::kDouble) * 0.1 + 1e4;
  auto const single = values.to(at::kFloat);
  auto const [mean, variance] = column_moments(single);
  auto const exact = single.to(at::kDouble).var(1, false);
  EXPECT_TRUE(at::allclose(variance.to(at::kDouble), exact, 1e-3, 0)) << variance << exact;
  EXPECT_EQ(mean.scalar_type(), at::kFloat);
}

TEST(ColumnMoments, DoNotDependOnTheThreads) {
  auto const values = numbers({2, 3000, 12});
  auto const threads = at::get_num_threads();
  at::set_num_threads(1);
  auto const one = column_moments(values);
  at::set_num_threads(2);
  auto const two = column_moments(values);
  at::set_num_threads(threads);
  EXPECT_TRUE(at::equal(one.mean, two.mean));
  EXPECT_TRUE(at::equal(one.variance, two.variance));
}

TEST(ColumnMoments, OfBfloat16AreFloat32) {
  auto const values = numbers({2, 300, 5}).to(at::kBFloat16);
  auto const [mean, variance] = column_moments(values);
  EXPECT_EQ(mean.scalar_type(), at::kFloat);
  EXPECT_TRUE(at::allclose(mean, values.to(at::kFloat).mean(1), 1e-5, 1e-6));
  EXPECT_TRUE(at::allclose(variance, values.to(at::kFloat).var(1, false), 1e-5, 1e-6));
}

TEST(ColumnMoments, TakeStridedRows) {
  auto const values = numbers({1, 6, 200}).transpose(1, 2);
  EXPECT_TRUE(at::allclose(column_moments(values).mean, values.mean(1), 1e-5, 1e-6));
}

}  // namespace
}  // namespace eddyline
