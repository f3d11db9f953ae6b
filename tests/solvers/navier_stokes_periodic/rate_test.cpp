#include "solvers/navier_stokes_periodic/rate.hpp"

#include <cmath>
#include <numbers>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "solvers/navier_stokes_periodic/initial.hpp"

namespace eddyline {
namespace {

constexpr double kRoundOff = 1e-13;  // of products of numbers of order 1

double largest(at::Tensor const& values) {
  return values.abs().max().item<double>();
}

at::Tensor noise(std::vector<int64_t> const& cells) {
  at::manual_seed(3);
  auto const three = three_axes(cells);
  return at::randn({2, static_cast<int64_t>(cells.size()), three[0], three[1], three[2]},
                   at::kDouble);
}

/// The rate on one rank of random solenoidal velocities.
struct RandomFlow {
  explicit RandomFlow(std::vector<int64_t> const& cells)
      : rate(cells, std::vector<double>(cells.size(), 2 * std::numbers::pi), Communicator::self()),
        velocity(rate.solenoidal(rate.forward(noise(cells)))) {}
  NavierStokesRate rate;
  at::Tensor velocity;
};

TEST(NavierStokesRate, TakesGradientsAwayAndLeavesSolenoidalFieldsAlone) {
  RandomFlow const flow({10, 8, 9});
  EXPECT_LT(largest(flow.rate.divergence(flow.velocity)), kRoundOff);
  EXPECT_LT(largest(flow.rate.solenoidal(flow.velocity) - flow.velocity), kRoundOff);
  EXPECT_GT(largest(flow.velocity), 0.01);
}

/// Spectrum of a grid of n × n cells at the modes that one of m × m cells keeps.
at::Tensor modes_kept_by(int64_t m, at::Tensor const& spectrum) {
  auto const most = (m - 1) / 3;
  auto const numbers = at::arange(-most, most + 1, at::kLong);
  return spectrum.index_select(-2, numbers.remainder(spectrum.size(-2))).narrow(-1, 0, most + 1);
}

TEST(NavierStokesRate, IsFreeOfAliasing) {
  // On twice the cells the products of the same waves are exact without any rule.
  RandomFlow const coarse({12, 12});
  NavierStokesRate const fine(
      {24, 24}, {2 * std::numbers::pi, 2 * std::numbers::pi}, Communicator::self());
  auto const values = coarse.rate.backward(coarse.velocity);
  // The same waves at twice the points: the spectrum with zeros between.
  auto spectrum = at::zeros({2, 2, 1, 24, 13}, at::kComplexDouble);
  for (int64_t row = 0; row < 12; ++row) {
    auto const to = row <= 6 ? row : row + 12;
    spectrum.select(-2, to).narrow(-1, 0, 7).copy_(coarse.velocity.select(-2, row));
  }
  EXPECT_LT(largest(fine.backward(spectrum).slice(-2, 0, 24, 2).slice(-1, 0, 24, 2) - values),
            kRoundOff);
  auto const rate = coarse.rate(coarse.velocity);
  EXPECT_LT(largest(modes_kept_by(12, fine(spectrum)) - modes_kept_by(12, rate)), kRoundOff);
  EXPECT_GT(largest(rate), 0.01);
}

TEST(NavierStokesRate, MovesEnergyBetweenModesOnly) {
  for (std::vector<int64_t> const& cells :
       {std::vector<int64_t>{12, 10}, std::vector<int64_t>{12, 10, 9}}) {
    RandomFlow const flow(cells);
    auto const u = flow.rate.backward(flow.velocity);
    auto const change = flow.rate.backward(flow.rate(flow.velocity));
    EXPECT_LT(std::abs((u * change).mean().item<double>()), kRoundOff);
  }
}

TEST(NavierStokesRate, KnowsThePressureOfTheTaylorGreenVortex) {
  NavierStokesPeriodicConfig config;
  config.cells = {12, 10, 8};
  NavierStokesRate const rate(config.cells, box_lengths(config), Communicator::self());
  auto const pressure =
      rate.backward(rate.pressure(rate.forward(taylor_green(config).unsqueeze(0))))[0][0];
  auto const angle = [](int64_t cells) {
    return at::arange(cells, at::kDouble) * (4 * std::numbers::pi / static_cast<double>(cells));
  };
  auto const x = at::cos(angle(12)).view({12, 1, 1});
  auto const y = at::cos(angle(10)).view({1, 10, 1});
  auto const z = at::cos(angle(8)).view({1, 1, 8});
  // Taylor & Green 1937: (cos 2x + cos 2y)(cos 2z + 2)/16.
  EXPECT_LT(largest(pressure - (x + y) * (z + 2) / 16), kRoundOff);
}

TEST(NavierStokesRate, DampsEachModeByItsSquareWavenumber) {
  NavierStokesRate const rate({8, 8}, {2, 4}, Communicator::self());
  double const k_x = 2 * std::numbers::pi / 2;
  double const k_y = 3 * 2 * std::numbers::pi / 4;
  EXPECT_NEAR(rate.damping(0.1, 0.5)[0][7][3].item<double>(),
              std::exp(-0.05 * (k_x * k_x + k_y * k_y)),
              kRoundOff);
}

TEST(NavierStokesRate, DoesNotDependOnTheNumberOfRanks) {
  auto const world = Communicator::world();
  for (std::vector<int64_t> const& cells :
       {std::vector<int64_t>{12, 14}, std::vector<int64_t>{8, 10, 9}}) {
    RandomFlow const alone(cells);
    NavierStokesRate const spread(
        cells, std::vector<double>(cells.size(), 2 * std::numbers::pi), world);
    auto const& box = spread.transform().modes().box;
    auto const cut = [&](at::Tensor const& whole) {
      return whole.narrow(-3, box.first[0], box.size[0])
          .narrow(-2, box.first[1], box.size[1])
          .narrow(-1, box.first[2], box.size[2]);
    };
    auto const velocity = cut(alone.velocity);
    EXPECT_LT(largest(spread(velocity) - cut(alone.rate(alone.velocity))), kRoundOff);
    EXPECT_LT(largest(spread.pressure(velocity) - cut(alone.rate.pressure(alone.velocity))),
              kRoundOff);
  }
}

}  // namespace
}  // namespace eddyline
