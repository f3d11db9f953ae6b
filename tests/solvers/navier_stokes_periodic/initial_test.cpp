#include "solvers/navier_stokes_periodic/initial.hpp"

#include <cmath>
#include <numbers>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "solvers/navier_stokes_periodic/rate.hpp"

namespace eddyline {
namespace {

constexpr double kRoundOff = 1e-13;
double const kPi = std::numbers::pi;

double largest(at::Tensor const& values) {
  return values.abs().max().item<double>();
}

TEST(TaylorGreen, HasTheFormulasValues) {
  NavierStokesPeriodicConfig config;
  config.cells = {12, 8, 6};
  config.lengths = {2, 3, 5};
  config.vortex = 0.7;
  auto const flow = taylor_green(config);
  ASSERT_EQ(flow.sizes(), at::IntArrayRef({3, 12, 8, 6}));
  double const x = 2 * kPi * 5 / 12;
  double const y = 2 * kPi * 3 / 8;
  double const z = 2 * kPi * 1 / 6;
  EXPECT_NEAR(
      flow[0][5][3][1].item<double>(), 0.7 * std::sin(x) * std::cos(y) * std::cos(z), kRoundOff);
  EXPECT_NEAR(flow[1][5][3][1].item<double>(),
              -0.7 * 1.5 * std::cos(x) * std::sin(y) * std::cos(z),
              kRoundOff);
  EXPECT_EQ(largest(flow[2]), 0);
}

TEST(TaylorGreen, IsSolenoidalInAnyBox) {
  for (std::vector<int64_t> const& cells :
       {std::vector<int64_t>{8, 12}, std::vector<int64_t>{8, 12, 6}}) {
    NavierStokesPeriodicConfig config;
    config.cells = cells;
    config.lengths = cells.size() == 2 ? std::vector<double>{1, 3} : std::vector<double>{1, 3, 2};
    NavierStokesRate const rate(cells, config.lengths, Communicator::self());
    auto const spectrum = rate.forward(taylor_green(config).unsqueeze(0));
    EXPECT_LT(largest(rate.divergence(spectrum)), kRoundOff);
  }
}

TEST(RandomMotion, IsSolenoidalAndHasTheSpeedAskedFor) {
  NavierStokesPeriodicConfig config;
  config.cells = {16, 12, 10};
  config.lengths = {5, 6, 7};
  config.perturbation = 0.3;
  auto const flow = random_motion(config, 4);
  EXPECT_NEAR(flow.square().sum(0).mean().sqrt().item<double>(), 0.3, kRoundOff);
  NavierStokesRate const rate(config.cells, config.lengths, Communicator::self());
  EXPECT_LT(largest(rate.divergence(rate.forward(flow.unsqueeze(0)))), kRoundOff);
  EXPECT_LT(std::abs(flow[0].mean().item<double>()), kRoundOff);  // no wind through the box
}

TEST(RandomMotion, DependsOnTheSeedAndNothingElse) {
  NavierStokesPeriodicConfig config;
  config.cells = {12, 12};
  EXPECT_TRUE(at::equal(random_motion(config, 4), random_motion(config, 4)));
  EXPECT_FALSE(at::equal(random_motion(config, 4), random_motion(config, 5)));
}

TEST(RandomMotion, HasMostEnergyAtItsPeak) {
  // Shells of width 1, the mean of 20 seeds: k⁴ exp(−2 (k/4)²) is largest at 4.
  NavierStokesPeriodicConfig config;
  config.cells = {32, 32};
  config.peak = 4;
  NavierStokesRate const rate(config.cells, box_lengths(config), Communicator::self());
  auto const shell = rate.wavenumber().round().to(at::kLong).flatten();
  auto energy = at::zeros({shell.max().item<int64_t>() + 1}, at::kDouble);
  for (uint64_t seed = 0; seed < 20; ++seed) {
    auto const modes = rate.forward(random_motion(config, seed).unsqueeze(0));
    energy.index_add_(0, shell, modes.abs().square().sum(at::IntArrayRef({0, 1})).flatten());
  }
  EXPECT_EQ(energy.argmax().item<int64_t>(), 4);
  EXPECT_LT((energy[1] / energy[4]).item<double>(), 0.1);
  EXPECT_LT((energy[9] / energy[4]).item<double>(), 0.1);
}

}  // namespace
}  // namespace eddyline
