#include "solvers/numerics/runge_kutta.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

at::Tensor doubles(std::vector<double> const& values) {
  return at::tensor(values, at::kDouble);
}

double component(at::Tensor const& state, int64_t i) {
  return state.const_data_ptr<double>()[i];
}

void van_der_pol(double /*time*/, at::Tensor const& y, at::Tensor const& rate) {
  auto const* const in = y.const_data_ptr<double>();
  auto* const out = rate.mutable_data_ptr<double>();
  out[0] = in[1];
  out[1] = (1 - in[0] * in[0]) * in[1] - in[0];
}

/// A pendulum of period 2 pi: (cos t, -sin t).
void pendulum(double /*time*/, at::Tensor const& y, at::Tensor const& rate) {
  auto const* const in = y.const_data_ptr<double>();
  auto* const out = rate.mutable_data_ptr<double>();
  out[0] = in[1];
  out[1] = -in[0];
}

double pendulum_error(at::Tensor const& state, double time) {
  return std::hypot(component(state, 0) - std::cos(time), component(state, 1) + std::sin(time));
}

TEST(RungeKutta45, TakesTheStepsOfScipy) {
  // solve_ivp(f, (0, 20), [2, 0], t_eval=linspace(0, 20, 6)) of scipy 1.17.1.
  constexpr double kScipy[6][2] = {{2.0, 0.0},
                                   {-1.7758693239279424, 0.6106061581004617},
                                   {1.2560762716742266, -0.9551668028993162},
                                   {-0.3816366646931242, 1.7712479473951237},
                                   {-1.2111469422029304, -2.509234377450308},
                                   {2.009352697462828, 0.02919124864403555}};
  constexpr double kRoundOff = 1e-10;  // one last bit in y(0) moves scipy itself by 2e-11
  auto const self = Communicator::self();
  RungeKutta45 integration(van_der_pol, {}, self);
  integration.start(doubles({2, 0}), 0, 20);
  auto const out = at::empty({2}, at::kDouble);
  for (int frame = 0; frame < 6; ++frame) {
    integration.reach(4.0 * frame, out);
    EXPECT_NEAR(component(out, 0), kScipy[frame][0], kRoundOff);
    EXPECT_NEAR(component(out, 1), kScipy[frame][1], kRoundOff);
  }
  EXPECT_EQ(integration.counts().evaluations, 434);
  EXPECT_EQ(integration.counts().accepted, 52);
  EXPECT_EQ(integration.time(), 20);
}

TEST(RungeKutta45, KeepsToTolerancesAndLargestStepAsScipy) {
  auto const rate = [](double t, at::Tensor const& y, at::Tensor const& out) {
    auto* const to = out.mutable_data_ptr<double>();
    to[0] = -component(y, 0) * std::cos(t) + component(y, 1) * 0.1;
    to[1] = t - component(y, 1);
  };
  auto const self = Communicator::self();
  RungeKutta45 integration(
      rate, {.relative_tolerance = 1e-8, .absolute_tolerance = 1e-10, .largest_step = 0.05}, self);
  integration.start(doubles({1, -2}), 1, 6);
  auto const out = at::empty({2}, at::kDouble);
  constexpr double kRoundOff = 1e-13;
  integration.reach(2.5, out);
  EXPECT_NEAR(component(out, 0), 1.206456424422891, kRoundOff);
  EXPECT_NEAR(component(out, 1), 1.053739679648548, kRoundOff);
  integration.reach(6, out);
  EXPECT_NEAR(component(out, 0), 3.74407136222922, kRoundOff);
  EXPECT_NEAR(component(out, 1), 4.986524105995509, kRoundOff);
  EXPECT_EQ(integration.counts().evaluations, 608);
}

TEST(RungeKutta45, GrowsItsStepTenfoldWhereNothingHappens) {
  auto const self = Communicator::self();
  RungeKutta45 integration(
      [](double, at::Tensor const&, at::Tensor const& rate) { rate.zero_(); }, {}, self);
  integration.start(doubles({0}), 0, 1);
  std::vector<double> ends;
  while (integration.time() < 1) {
    integration.step();
    ends.push_back(integration.time());
  }
  // scipy: 1e-6, 1.1e-5, …, 0.111111, 1 after 44 evaluations.
  ASSERT_EQ(ends.size(), 7U);
  EXPECT_DOUBLE_EQ(ends[0], 1e-6);
  EXPECT_DOUBLE_EQ(ends[5], 0.111111);
  EXPECT_EQ(integration.counts().evaluations, 44);
}

constexpr double kSlack = 0.2;  // of a measured order: steps are short, not infinitely short

double order(double coarse_error, double fine_error) {
  return std::log2(coarse_error / fine_error);
}

TEST(RungeKutta45, ConvergesWithOrderFive) {
  auto const error = [](int steps) {
    auto const self = Communicator::self();
    RungeKutta45 integration(pendulum, {}, self);
    integration.start(doubles({1, 0}), 0, 2);
    for (int i = 0; i < steps; ++i) {
      integration.fixed_step(2.0 / steps);
    }
    return pendulum_error(integration.state(), 2);
  };
  EXPECT_NEAR(
      order(error(20), error(40)), 5, kSlack);  // still leaves the range where round-off counts
  EXPECT_NEAR(order(error(40), error(80)), 5, kSlack);
}

TEST(RungeKutta45, InterpolatesWithOrderFour) {
  // One step from exact data: order 4 means an error of h^5, one order below the step's end.
  auto const errors = [](double length) {
    auto const self = Communicator::self();
    RungeKutta45 integration(pendulum, {}, self);
    integration.start(doubles({1, 0}), 0, 2);
    integration.fixed_step(length);
    auto const out = at::empty({2}, at::kDouble);
    integration.interpolate(0.4 * length, out);
    double const inside = pendulum_error(out, 0.4 * length);
    double const end = pendulum_error(integration.state(), length);
    return std::pair(inside, end);
  };
  auto const [coarse_inside, coarse_end] = errors(0.2);
  auto const [fine_inside, fine_end] = errors(0.1);
  EXPECT_NEAR(order(coarse_inside, fine_inside), 5, kSlack);
  EXPECT_NEAR(order(coarse_end, fine_end), 6, kSlack);
}

TEST(RungeKutta45, InterpolantMeetsTheStepsAtBothEnds) {
  auto const self = Communicator::self();
  RungeKutta45 integration(van_der_pol, {}, self);
  integration.start(doubles({2, 0}), 0, 20);
  integration.reach(3, at::empty({2}, at::kDouble));
  auto const start = integration.state().clone();
  double const start_time = integration.time();
  integration.step();
  auto const out = at::empty({2}, at::kDouble);
  integration.interpolate(start_time, out);
  EXPECT_TRUE(at::equal(out, start));
  integration.interpolate(integration.time(), out);
  EXPECT_TRUE(at::allclose(out, integration.state(), 1e-14, 1e-14));
}

TEST(RungeKutta45, ResumesBitForBit) {
  auto const self = Communicator::self();
  RungeKutta45 unbroken(van_der_pol, {}, self);
  unbroken.start(doubles({2, 0}), 0, 20);
  auto const expected = at::empty({2}, at::kDouble);
  auto const resumed_out = at::empty({2}, at::kDouble);
  unbroken.reach(7.7, expected);
  RungeKutta45 resumed(van_der_pol, {}, self);
  resumed.load(unbroken.save());
  // 7.7 again: the interpolant of the last step came along. Then on to the end.
  for (double const time : {7.7, 8.1, 15.0, 20.0}) {
    unbroken.reach(time, expected);
    resumed.reach(time, resumed_out);
    EXPECT_TRUE(at::equal(expected, resumed_out)) << "time " << time;
  }
  EXPECT_EQ(resumed.counts().evaluations, unbroken.counts().evaluations);
}

TEST(RungeKutta45, RefusesMemoryThatLacksAPart) {
  auto const self = Communicator::self();
  RungeKutta45 integration(van_der_pol, {}, self);
  integration.start(doubles({2, 0}), 0, 20);
  auto memory = integration.save();
  memory.erase("slopes");
  try {
    integration.load(memory);
    FAIL() << "loaded";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(), HasSubstr("lacks 'slopes'"));
  }
  memory["slopes"] = at::zeros({7, 3}, at::kDouble);
  EXPECT_THROW(integration.load(memory), Error);
}

TEST(RungeKutta45, NamesStepAndTimeWhereTheSolutionBlowsUp) {
  auto const self = Communicator::self();
  RungeKutta45 integration(
      [](double, at::Tensor const& y, at::Tensor const& rate) { rate.copy_(y * y); }, {}, self);
  integration.start(doubles({1}), 0, 2);  // y = 1 / (1 - t); scipy gives up at the same step
  try {
    integration.reach(2, at::empty({1}, at::kDouble));
    FAIL() << "went on to time " << integration.time();
  } catch (Diverged const& error) {
    EXPECT_THAT(error.what(), HasSubstr("step 67 at time 0.999929 would have to be shorter than"));
  }
  EXPECT_TRUE(std::isfinite(component(integration.state(), 0)));
}

TEST(RungeKutta45, GivesUpOnRatesThatAreNotNumbers) {
  auto const self = Communicator::self();
  RungeKutta45 integration(
      [](double t, at::Tensor const& y, at::Tensor const& rate) {
        rate.copy_(t < 0.5 ? at::zeros_like(y) : at::full_like(y, NAN));
      },
      {},
      self);
  integration.start(doubles({1}), 0, 2);
  EXPECT_THROW(integration.reach(1, at::empty({1}, at::kDouble)), Diverged);
}

TEST(RungeKutta45, GivesUpOnAStartThatIsNotFinite) {
  auto const self = Communicator::self();
  for (double const start :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    RungeKutta45 integration(pendulum, {}, self);
    integration.start(doubles({1, start}), 0, 2);
    EXPECT_THROW(integration.step(), Diverged);
  }
}

TEST(RungeKutta45, RefusesWhatItCannotDo) {
  auto const self = Communicator::self();
  EXPECT_THROW(RungeKutta45(pendulum, {.relative_tolerance = 0}, self), Error);
  EXPECT_THROW(RungeKutta45(pendulum, {.largest_step = -1}, self), Error);
  RungeKutta45 integration(pendulum, {}, self);
  EXPECT_THROW(integration.start(doubles({1, 0}), 2, 2), Error);
  integration.start(doubles({1, 0}), 0, 2);
  EXPECT_THROW(integration.reach(2.5, at::empty({2}, at::kDouble)), Error);
  EXPECT_THROW(integration.extend(1), Error);
}

TEST(RungeKutta45, GivesTheSameBitsOnAnyNumberOfRanks) {
  // 60 oscillators of different speed, spread over the ranks; the error norm is that of all.
  auto const world = Communicator::world();
  auto const self = Communicator::self();
  int64_t const count = 60;
  auto const share = count / world.size();
  auto const rate_from = [](int64_t first) {
    return [first](double, at::Tensor const& y, at::Tensor const& rate) {
      auto const* const in = y.const_data_ptr<double>();
      auto* const out = rate.mutable_data_ptr<double>();
      for (int64_t i = 0; i < y.numel(); ++i) {
        out[i] = in[i] * (1 - in[i]) * (0.1 + static_cast<double>(first + i) / 7);
      }
    };
  };
  auto const start = at::linspace(0.01, 0.2, count, at::kDouble);
  auto const first = share * world.rank();
  RungeKutta45 alone(rate_from(0), {}, self);
  RungeKutta45 spread(rate_from(first), {}, world);
  alone.start(start, 0, 5);
  spread.start(start.narrow(0, first, share), 0, 5);
  auto const whole = at::empty({count}, at::kDouble);
  auto const part = at::empty({share}, at::kDouble);
  for (double const time : {0.0, 1.3, 5.0}) {
    alone.reach(time, whole);
    spread.reach(time, part);
    EXPECT_TRUE(at::equal(part, whole.narrow(0, first, share))) << "time " << time;
  }
  EXPECT_EQ(spread.counts().evaluations, alone.counts().evaluations);
}

}  // namespace
}  // namespace eddyline
