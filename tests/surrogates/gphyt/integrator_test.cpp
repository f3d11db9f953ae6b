#include "surrogates/gphyt/integrator.hpp"

#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace eddyline {
namespace {

/// x' = x: every frame grows by itself.
at::Tensor growth(at::Tensor const& x, GphytFrames frames) {
  return frames == GphytFrames::all ? x : x.narrow(1, x.size(1) - 1, 1);
}

at::Tensor two_frames() {
  return at::tensor({3.0, 2.0}, at::kDouble).view({1, 2, 1});
}

TEST(Integrate, HasTheOrderOfItsName) {
  // Of e = 1 + 1 + 1/2 + 1/6 + 1/24 + …
  auto const grown = [](GphytIntegrator kind) {
    return integrate(kind, two_frames(), growth).item<double>() / 2;
  };
  EXPECT_DOUBLE_EQ(grown(GphytIntegrator::none), 1);
  EXPECT_DOUBLE_EQ(grown(GphytIntegrator::euler), 2);
  EXPECT_DOUBLE_EQ(grown(GphytIntegrator::heun), 2.5);
  EXPECT_DOUBLE_EQ(grown(GphytIntegrator::rk4), 2.5 + 1 / 6.0 + 1 / 24.0);
}

TEST(Integrate, GivesTheLastFrameAndAsksForOthersOnlyBetween) {
  auto const stages = [](GphytIntegrator kind) {
    std::vector<GphytFrames> asked;
    auto const y = integrate(kind, two_frames(), [&](at::Tensor const& x, GphytFrames frames) {
      asked.push_back(frames);
      return growth(x, frames);
    });
    EXPECT_EQ(y.sizes().vec(), (std::vector<int64_t>{1, 1, 1}));
    return asked;
  };
  constexpr auto all = GphytFrames::all, last = GphytFrames::last;
  EXPECT_EQ(stages(GphytIntegrator::none), (std::vector<GphytFrames>{last}));
  EXPECT_EQ(stages(GphytIntegrator::euler), (std::vector<GphytFrames>{last}));
  EXPECT_EQ(stages(GphytIntegrator::heun), (std::vector<GphytFrames>{all, last}));
  EXPECT_EQ(stages(GphytIntegrator::rk4), (std::vector<GphytFrames>{all, all, all, last}));
}

/// x' = the sum of all frames: a stage must move the older frames, too.
TEST(Integrate, MovesAllFramesBetweenStages) {
  auto const rate = [](at::Tensor const& x, GphytFrames frames) {
    auto const sum = x.sum(1, /*keepdim=*/true);
    return frames == GphytFrames::all ? sum.expand(x.sizes()) : sum;
  };
  auto const y = integrate(GphytIntegrator::heun, two_frames(), rate).item<double>();
  // k1 = 5, k2 = 8 + 7 = 15
  EXPECT_DOUBLE_EQ(y, 2 + 0.5 * (5 + 15));
}

}  // namespace
}  // namespace eddyline
