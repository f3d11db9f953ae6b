#include "surrogates/gphyt/derivatives.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace eddyline {
namespace {

/// One sample of one field: (1, T, 1, H, W).
at::Tensor field(std::vector<float> const& values, std::vector<int64_t> const& shape) {
  return at::tensor(values).view({1, shape[0], 1, shape[1], shape[2]});
}

TEST(Differences, OfALineAreCentralInsideAndOneSidedAtItsEnds) {
  auto const d = differences(field({1, 4, 9, 16}, {1, 1, 4}), GphytDifferences::fp32);
  EXPECT_TRUE(at::equal(d[0][0][2][0], at::tensor({3.0F, 8.0F, 12.0F, 7.0F})));
}

TEST(Differences, AreOfTimeThenHThenW) {
  // x = 100 t + 10 h + w
  auto const t = at::arange(3, at::kFloat).view({1, 3, 1, 1, 1});
  auto const h = at::arange(4, at::kFloat).view({1, 1, 1, 4, 1});
  auto const w = at::arange(5, at::kFloat).view({1, 1, 1, 1, 5});
  auto const d = differences(100 * t + 10 * h + w, GphytDifferences::fp32);
  ASSERT_EQ(d.sizes().vec(), (std::vector<int64_t>{1, 3, 3, 4, 5}));
  EXPECT_TRUE(at::equal(d[0][1][0], at::full({4, 5}, 200.0)));
  EXPECT_TRUE(at::equal(d[0][1][1][2], at::full({5}, 20.0)));
  EXPECT_TRUE(at::equal(d[0][1][2].select(1, 3), at::full({4}, 2.0)));
  EXPECT_TRUE(at::equal(d[0][2][0], at::full({4, 5}, 100.0))) << "the newest frame looks back";
  EXPECT_TRUE(at::equal(d[0][1][1][0], at::full({5}, 10.0)));
  EXPECT_TRUE(at::equal(d[0][1][2].select(1, 4), at::full({4}, 1.0)));
}

TEST(TimeDifferences, AreTheFirstFields) {
  auto const x = at::rand({2, 3, 2, 4, 4});
  EXPECT_TRUE(
      at::equal(time_differences(x), differences(x, GphytDifferences::fp32).narrow(2, 0, 2)));
}

TEST(Differences, KeepFieldsTogether) {
  auto const x = at::rand({2, 2, 3, 4, 4});
  auto const d = differences(x, GphytDifferences::fp32);
  ASSERT_EQ(d.size(2), 9);
  for (int64_t f = 0; f < 3; ++f) {
    auto const one = differences(x.narrow(2, f, 1), GphytDifferences::fp32);
    for (int64_t axis = 0; axis < 3; ++axis) {
      EXPECT_TRUE(at::equal(d.select(2, 3 * axis + f), one.select(2, axis))) << f << " " << axis;
    }
  }
}

TEST(Differences, AreZeroAlongAnAxisOfLengthOneAndPlainAlongOneOfLengthTwo) {
  auto const d = differences(field({1, 3}, {2, 1, 1}), GphytDifferences::fp32);
  EXPECT_TRUE(at::equal(d[0].select(1, 0).flatten(), at::tensor({2.0F, 2.0F})));
  EXPECT_TRUE(at::equal(d[0].select(1, 1).flatten(), at::zeros({2})));
}

TEST(Differences, CarryNoGradient) {
  auto const x = at::rand({1, 2, 1, 4, 4}).requires_grad_();
  EXPECT_FALSE(differences(x, GphytDifferences::fp32).requires_grad());
}

TEST(Differences, OfBfloat16CellsAreTakenInFloat32) {
  auto const x = at::rand({1, 2, 1, 4, 4}).to(at::kBFloat16);
  auto const d = differences(x, GphytDifferences::fp32);
  EXPECT_EQ(d.scalar_type(), at::kFloat);
  EXPECT_TRUE(at::equal(d, differences(x.to(at::kFloat), GphytDifferences::fp32)));
}

TEST(Differences, OfRoundedCellsLoseWhatBfloat16DoesNotHold) {
  auto const x = field({1.5F, 1.501F, 1.5F, 2.0F}, {1, 1, 4});
  EXPECT_NEAR(differences(x, GphytDifferences::fp32)[0][0][2][0][0].item<double>(), 1e-3, 1e-6);
  EXPECT_EQ(differences(x, GphytDifferences::bf16)[0][0][2][0][0].item<double>(), 0);
  EXPECT_EQ(differences(x, GphytDifferences::bf16)[0][0][2][0][3].item<double>(), 0.5);
}

}  // namespace
}  // namespace eddyline
