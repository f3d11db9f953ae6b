#include "surrogates/gphyt/positions.hpp"

#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace eddyline {
namespace {

TEST(Rotation, TurnsThirdsByTimeThenWThenH) {
  // C = 12: thirds of 4, pairs j = 0, 1 with frequencies 1 and 10000^(-1/2).
  GphytCounts const counts = {2, 3, 5};
  auto const turn = rotation(counts, 12, at::TensorOptions(at::kFloat));
  ASSERT_EQ(turn.cosine.sizes().vec(), (std::vector<int64_t>{2, 15, 3, 2}));
  int64_t const t = 1, h = 2, w = 4;
  auto const sine = turn.sine[t][h * 5 + w];
  EXPECT_NEAR(sine[0][0].item<double>(), std::sin(1.0), 1e-6);
  EXPECT_NEAR(sine[0][1].item<double>(), std::sin(0.01), 1e-6);
  EXPECT_NEAR(sine[1][0].item<double>(), std::sin(4.0), 1e-6);
  EXPECT_NEAR(sine[2][0].item<double>(), std::sin(2.0), 1e-6);
  EXPECT_NEAR(turn.cosine[t][h * 5 + w][2][1].item<double>(), std::cos(0.02), 1e-6);
}

TEST(Rotation, TurnsHalvesOfAThirdNotNeighbours) {
  auto const turn = rotation({2, 1, 1}, 12, at::TensorOptions(at::kFloat));
  auto u = at::zeros({1, 2, 1, 12});
  u[0][1][0][0] = 1;  // a_0 of the first third: its partner is two places on
  auto const turned = rotate(u, turn)[0][1][0];
  EXPECT_NEAR(turned[0].item<double>(), std::cos(1.0), 1e-6);
  EXPECT_NEAR(turned[2].item<double>(), std::sin(1.0), 1e-6);
  EXPECT_EQ(turned.count_nonzero().item<int64_t>(), 2);
  auto v = at::zeros({1, 2, 1, 12});
  v[0][1][0][2] = 1;  // b_0
  EXPECT_NEAR(rotate(v, turn)[0][1][0][0].item<double>(), -std::sin(1.0), 1e-6);
}

TEST(Rotation, KeepsLengthsAndLeavesTheFirstTokenAlone) {
  auto const turn = rotation({3, 4, 5}, 24, at::TensorOptions(at::kFloat));
  auto const u = at::randn({2, 3, 20, 24});
  auto const turned = rotate(u, turn);
  EXPECT_TRUE(at::allclose(turned.norm(2, {-1}), u.norm(2, {-1}), 1e-5, 1e-5));
  EXPECT_TRUE(at::equal(turned.select(1, 0).select(1, 0), u.select(1, 0).select(1, 0)));
}

TEST(Rotation, OfTheLastTimesIsTheirPartOfTheWhole) {
  auto const turn = rotation({3, 2, 2}, 12, at::TensorOptions(at::kFloat));
  auto const u = at::randn({2, 3, 4, 12});
  EXPECT_TRUE(at::equal(rotate(u.narrow(1, 1, 2).contiguous(), turn.last(2)),
                        rotate(u, turn).narrow(1, 1, 2)));
  EXPECT_TRUE(GphytRotation{}.last(2).is_identity());
}

TEST(GphytTable, HasUpstreamsShape) {
  EXPECT_EQ(GphytTable({4, 16, 8}, 192).pe.sizes().vec(), (std::vector<int64_t>{1, 4, 16, 8, 192}));
}

}  // namespace
}  // namespace eddyline
