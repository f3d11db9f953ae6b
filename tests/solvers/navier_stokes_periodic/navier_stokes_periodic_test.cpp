#include "solvers/navier_stokes_periodic/navier_stokes_periodic.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <numbers>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "solvers/navier_stokes_periodic/initial.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

constexpr double kRoundOff = 1e-12;  // some hundred transforms of numbers of order 1

NavierStokesPeriodicConfig small() {
  NavierStokesPeriodicConfig config;
  config.cells = {12, 10, 9};
  config.viscosity = 0.02;
  config.perturbation = 0.5;
  config.interval = 0.1;
  config.steps = 4;
  return config;
}

NavierStokesPeriodicConfig planar() {
  auto config = small();
  config.cells = {16, 12};
  return config;
}

/// Frames 0 … count-1 from `seeds`: (T, B, C, D, H, W) of this rank's block.
at::Tensor run(NavierStokesPeriodic& solver, std::vector<uint64_t> const& seeds, int64_t count) {
  auto const first = solver.initial(seeds);
  History history(1, solver.spec());
  history.push(first.values, first.time);
  std::vector<at::Tensor> frames = {first.values.clone()};
  while (static_cast<int64_t>(frames.size()) < count) {
    frames.push_back(solver.advance(history).values.clone());
  }
  return at::stack(frames);
}

at::Tensor run_alone(NavierStokesPeriodicConfig const& config, uint64_t seed, int64_t count) {
  NavierStokesPeriodic solver(config, Communicator::self());
  return run(solver, {seed}, count).squeeze(1);
}

at::Tensor cut(at::Tensor const& whole, Box const& box) {
  return whole.narrow(-3, box.first[0], box.size[0])
      .narrow(-2, box.first[1], box.size[1])
      .narrow(-1, box.first[2], box.size[2]);
}

double largest(at::Tensor const& values) {
  return values.abs().max().item<double>();
}

at::Tensor velocity_of(at::Tensor const& frames) {
  return frames.narrow(-4, 1, frames.size(-4) - 1);
}

TEST(NavierStokesPeriodic, DecaysAsTaylorAndGreenFoundInTwoDimensions) {
  auto const world = Communicator::world();
  auto config = planar();
  config.lengths = {2, 3};
  config.perturbation = 0;
  NavierStokesPeriodic solver(config, world);
  auto const frames = run(solver, {0}, 6).squeeze(1);
  auto const start = cut(taylor_green(config), solver.spec()->block.box);
  double const square = std::pow(2 * std::numbers::pi, 2) * (1.0 / 4 + 1.0 / 9);
  for (int64_t frame = 0; frame < 6; ++frame) {
    double const left =
        std::exp(-config.viscosity * square * config.interval * static_cast<double>(frame));
    EXPECT_LT(largest(velocity_of(frames)[frame] - start * left), kRoundOff) << "frame " << frame;
    // The pressure is quadratic in the velocity.
    EXPECT_LT(largest(frames[frame][0] - frames[0][0] * left * left), kRoundOff);
  }
  EXPECT_GT(largest(frames[0][0]), 0.1);
}

TEST(NavierStokesPeriodic, StaysFreeOfDivergence) {
  for (auto const& config : {small(), planar()}) {
    auto const frames = velocity_of(run_alone(config, 1, 4));
    NavierStokesRate const rate(config.cells, box_lengths(config), Communicator::self());
    EXPECT_LT(largest(rate.divergence(rate.forward(frames))), kRoundOff);
    EXPECT_GT(largest(frames[3] - frames[0]), 0.01);
  }
}

TEST(NavierStokesPeriodic, ConvergesInTimeWithOrderFour) {
  auto const at_the_end = [](int64_t steps) {
    auto config = small();
    config.interval = 0.4;
    config.steps = steps;
    return run_alone(config, 2, 2)[1];
  };
  auto const exact = at_the_end(64);
  auto const error = [&](int64_t steps) { return largest(at_the_end(steps) - exact); };
  auto const coarse = error(4);
  auto const fine = error(8);
  auto const finest = error(16);
  EXPECT_GE(std::log2(coarse / fine), 3.8) << coarse << " " << fine;
  EXPECT_GE(std::log2(fine / finest), 3.8) << fine << " " << finest;
}

/// Mean of |u|²/2 of frames (T, C, D, H, W).
at::Tensor energy_of(at::Tensor const& frames) {
  return velocity_of(frames).square().sum(1).mean({1, 2, 3}) / 2;
}

/// Mean of |ω|²/2, of a solenoidal field the mean of |∇u|²/2.
at::Tensor enstrophy_of(at::Tensor const& frames, NavierStokesPeriodicConfig const& config) {
  NavierStokesRate const rate(config.cells, box_lengths(config), Communicator::self());
  auto const modes = rate.forward(velocity_of(frames));
  auto const slopes = rate.backward(modes * rate.wavenumber());
  return slopes.square().sum(1).mean({1, 2, 3}) / 2;
}

TEST(NavierStokesPeriodic, LosesEnergyAtTwiceViscosityTimesEnstrophy) {
  for (auto config : {small(), planar()}) {
    config.interval = 0.01;
    config.steps = 1;
    auto const frames = run_alone(config, 3, 5);
    auto const energy = energy_of(frames);
    auto const slope = (energy[0] - energy[1] * 8 + energy[3] * 8 - energy[4]) / 0.12;
    auto const expected = enstrophy_of(frames, config)[2] * (-2 * config.viscosity);
    // The difference formula errs by the fifth derivative times 1e-8 / 30.
    EXPECT_NEAR((slope / expected).item<double>(), 1, 1e-6);
  }
}

TEST(NavierStokesPeriodic, KeepsItsEnergyWithoutViscosity) {
  for (auto config : {small(), planar()}) {
    config.viscosity = 0;
    config.steps = 10;
    auto const energy = energy_of(run_alone(config, 3, 6));
    // What is lost is the time step's error, here (Σ |u| k length)⁵ of order 1e-4, over 50 steps.
    EXPECT_LT(largest(energy / energy[0] - 1), 1e-6);
  }
}

TEST(NavierStokesPeriodic, GivesTheSameFlowOnAnyNumberOfRanks) {
  auto const world = Communicator::world();
  for (auto const& config : {small(), planar()}) {
    NavierStokesPeriodic alone(config, Communicator::self());
    NavierStokesPeriodic spread(config, world);
    auto const expected = run(alone, {3, 4}, 4);
    auto const frames = run(spread, {3, 4}, 4);
    EXPECT_LT(largest(frames - cut(expected, spread.spec()->block.box)), kRoundOff);
  }
}

TEST(NavierStokesPeriodic, StepsEachTrajectoryAlone) {
  NavierStokesPeriodic solver(small(), Communicator::self());
  auto const together = run(solver, {7, 8, 9}, 3);
  for (int64_t b = 0; b < 3; ++b) {
    EXPECT_TRUE(
        at::equal(run_alone(small(), static_cast<uint64_t>(7 + b), 3), together.select(1, b)));
  }
}

TEST(NavierStokesPeriodic, StartsWithTheVortexAndItsSeedsMotion) {
  auto const world = Communicator::world();
  NavierStokesPeriodic solver(small(), world);
  auto const first = solver.initial({5});
  EXPECT_EQ(first.time, 0);
  auto const expected = taylor_green(small()) + random_motion(small(), 5);
  EXPECT_LT(largest(velocity_of(first.values)[0] - cut(expected, solver.spec()->block.box)),
            kRoundOff);
}

TEST(NavierStokesPeriodic, GoesOnFromTheVelocityOfAnyFrame) {
  NavierStokesPeriodic solver(small(), Communicator::self());
  auto const frame = run(solver, {5}, 2)[1];
  auto marred = frame.clone();
  marred.select(1, 0).fill_(7);  // a pressure that means nothing
  History history(1, solver.spec());
  history.push(frame, 3);
  History other(1, solver.spec());
  other.push(marred, 3);
  auto const expected = solver.advance(history);
  EXPECT_TRUE(at::equal(solver.advance(other).values, expected.values));
  EXPECT_DOUBLE_EQ(expected.time, 3.1);
  History single(1, solver.spec());
  single.push(frame.to(at::kFloat), 3);
  // Rounding to float32 moves velocities up to 3 by at most 2e-7, which the flow hardly amplifies.
  EXPECT_LT(largest(solver.advance(single).values - expected.values), 2e-6);
}

TEST(NavierStokesPeriodic, TakesTheDivergenceOfAGivenFrameAway) {
  NavierStokesPeriodic solver(planar(), Communicator::self());
  auto const frame = run(solver, {5}, 1)[0];
  auto const cells = planar().cells[0];
  auto const x =
      at::arange(cells, at::kDouble) * (2 * std::numbers::pi / static_cast<double>(cells));
  auto compressed = frame.clone();
  compressed.select(1, 1).add_(at::sin(x).view({1, 1, cells, 1}));
  History history(1, solver.spec());
  history.push(frame, 0);
  History other(1, solver.spec());
  other.push(compressed, 0);
  EXPECT_LT(largest(solver.advance(other).values - solver.advance(history).values), kRoundOff);
}

TEST(NavierStokesPeriodic, SaysItsFieldsAndAxes) {
  NavierStokesPeriodic const solver(small(), Communicator::self());
  auto const& spec = *solver.spec();
  EXPECT_EQ(spec.fields.channel_names(),
            (std::vector<std::string>{"pressure", "velocity_x", "velocity_y", "velocity_z"}));
  EXPECT_THAT(spec.grid.describe(), HasSubstr("x 12 (0 … 5.75959, periodic)"));
  EXPECT_EQ(solver.parameters().at("viscosity"), 0.02);
  NavierStokesPeriodic const flat(planar(), Communicator::self());
  EXPECT_EQ(flat.spec()->fields.channel_names(),
            (std::vector<std::string>{"pressure", "velocity_x", "velocity_y"}));
}

TEST(NavierStokesPeriodic, SaysHowManyStepsAFastFlowNeeds) {
  auto const world = Communicator::world();
  auto config = planar();
  config.vortex = 25;
  NavierStokesPeriodic solver(config, world);
  try {
    run(solver, {1}, 2);
    FAIL() << "went on";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("steps: 4 in an interval of 0.1 are unstable for "
                          "trajectory 0 at time 0; set steps to 5 or more"));
  }
  config.steps = 5;
  NavierStokesPeriodic enough(config, world);
  EXPECT_TRUE(at::isfinite(run(enough, {1}, 2)).all().item<bool>());
}

TEST(NavierStokesPeriodic, NamesTheTrajectoryThatIsNotFinite) {
  auto const world = Communicator::world();
  NavierStokesPeriodic solver(small(), world);
  auto const first = solver.initial({1, 2});
  if (world.is_root()) {  // all ranks have to notice
    first.values[1][2][0][0][0] = std::numeric_limits<double>::quiet_NaN();
  }
  History history(1, solver.spec());
  history.push(first.values, 0.5);
  try {
    solver.advance(history);
    FAIL() << "went on";
  } catch (Diverged const& error) {
    EXPECT_THAT(error.what(), HasSubstr("velocity of trajectory 1 is not finite at time 0.5"));
  }
}

std::string refusal(std::string const& yaml) {
  try {
    make_navier_stokes_periodic(yaml, Communicator::self());
  } catch (Error const& error) {
    return error.what();
  }
  return "accepted";
}

TEST(NavierStokesPeriodic, RefusesValuesThatAreNotAllowed) {
  EXPECT_THAT(refusal("{cells: [8]}"), HasSubstr("cells: 1 numbers are given"));
  EXPECT_THAT(refusal("{cells: [8, 3]}"), HasSubstr("cells: 3 along an axis hold no wave"));
  EXPECT_THAT(refusal("{lengths: [1, 1]}"), HasSubstr("lengths: 2 are given for 3 axes"));
  EXPECT_THAT(refusal("{lengths: [1, 0, 1]}"), HasSubstr("lengths: 0 must be positive"));
  EXPECT_THAT(refusal("{viscosity: -1}"), HasSubstr("viscosity: -1 must not be negative"));
  EXPECT_THAT(refusal("{perturbation: -1}"), HasSubstr("perturbation: -1 must not be negative"));
  EXPECT_THAT(refusal("{vortex: 0, perturbation: 0}"),
              HasSubstr("vortex and perturbation are both 0"));
  EXPECT_THAT(refusal("{peak: 0}"), HasSubstr("peak: 0 must be positive"));
  EXPECT_THAT(refusal("{interval: 0}"), HasSubstr("interval: 0 must be positive"));
  EXPECT_THAT(refusal("{steps: 0}"), HasSubstr("steps: 0 must be at least 1"));
  EXPECT_THAT(refusal("{viscosty: 1}"), HasSubstr("viscosity"));
}

}  // namespace
}  // namespace eddyline
