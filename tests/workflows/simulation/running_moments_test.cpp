#include "workflows/simulation/running_moments.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace eddyline {
namespace {

TEST(RunningMoments, EqualThoseOfAllFramesOfAllRanks) {
  auto const world = Communicator::world();
  at::manual_seed(1);
  auto const all = at::randn({8, 2, 1, 5, 7}) + 100;  // a mean that swallows the spread in float32
  RunningMoments moments(2);
  for (int64_t b = 0; b < 8; ++b) {
    if (b % world.size() == world.rank()) {
      moments.add(all.narrow(0, b, 1));
    }
  }
  auto const result = moments.result(world);
  auto const exact = all.to(at::kDouble);
  constexpr double kRoundOff = 1e-9;
  for (int64_t channel = 0; channel < 2; ++channel) {
    auto const at = static_cast<size_t>(channel);
    auto const one = exact.select(1, channel);
    EXPECT_NEAR(result.mean[at], one.mean().item<double>(), kRoundOff);
    EXPECT_NEAR(result.std[at], one.std(false).item<double>(), kRoundOff);
    EXPECT_NEAR(result.rms[at], one.square().mean().sqrt().item<double>(), kRoundOff);
  }
}

}  // namespace
}  // namespace eddyline
