#include "solvers/navier_stokes_periodic/navier_stokes_periodic.hpp"

#include <cmath>
#include <limits>
#include <span>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "solvers/navier_stokes_periodic/initial.hpp"

namespace eddyline {
namespace {

constexpr auto kAxisNames = std::to_array<char const*>({"x", "y", "z"});

void check_box(NavierStokesPeriodicConfig const& c) {
  require(c.cells.size() == 2 || c.cells.size() == 3,
          "cells: ",
          c.cells.size(),
          " numbers are given; a flow has two axes or three");
  for (auto const cells : c.cells) {
    require(cells >= 4, "cells: ", cells, " along an axis hold no wave; at least 4 are needed");
  }
  require(c.lengths.empty() || c.lengths.size() == c.cells.size(),
          "lengths: ",
          c.lengths.size(),
          " are given for ",
          c.cells.size(),
          " axes; give one for each, or none for 2π each");
  for (auto const length : c.lengths) {
    require(length > 0, "lengths: ", length, " must be positive");
  }
}

NavierStokesPeriodicConfig checked(NavierStokesPeriodicConfig const& c) {
  check_box(c);
  require(c.viscosity >= 0, "viscosity: ", c.viscosity, " must not be negative");
  require(c.perturbation >= 0, "perturbation: ", c.perturbation, " must not be negative");
  require(c.vortex != 0 || c.perturbation > 0,
          "vortex and perturbation are both 0, so that nothing moves; set one of them");
  require(c.peak > 0, "peak: ", c.peak, " must be positive");
  require(c.interval > 0, "interval: ", c.interval, " must be positive");
  require(c.steps >= 1, "steps: ", c.steps, " must be at least 1");
  return c;
}

std::shared_ptr<StateSpec const> make_spec(NavierStokesPeriodicConfig const& c,
                                           Block const& block) {
  auto const lengths = box_lengths(c);
  std::vector<Axis> axes;
  Field velocity{.name = "velocity", .components = {}, .order = 1};
  for (size_t i = 0; i < c.cells.size(); ++i) {
    Axis axis{.name = kAxisNames[i], .boundaries = {Boundary::periodic, Boundary::periodic}};
    axis.coordinates.clear();
    for (int64_t cell = 0; cell < c.cells[i]; ++cell) {
      axis.coordinates.push_back(lengths[i] * static_cast<double>(cell) /
                                 static_cast<double>(c.cells[i]));
    }
    axes.push_back(axis);
    velocity.components.emplace_back(kAxisNames[i]);
  }
  StateSpec spec{.fields = FieldSet({Field{.name = "pressure"}, velocity}), .grid = Grid(axes)};
  spec.block = block;
  return std::make_shared<StateSpec const>(std::move(spec));
}

/// (B, d, D, H, W) of a frame, whose first channel is the pressure.
at::Tensor velocity_of(at::Tensor const& frame) {
  return frame.narrow(1, 1, frame.size(1) - 1);
}

}  // namespace

NavierStokesPeriodic::NavierStokesPeriodic(NavierStokesPeriodicConfig const& config,
                                           Communicator const& ranks)
    : config_(checked(config)),
      rate_(config_.cells, box_lengths(config_), ranks),
      spec_(make_spec(config_, rate_.transform().values())) {}

State NavierStokesPeriodic::initial(std::vector<uint64_t> const& seeds) {
  auto const& box = spec_->block.box;
  if (seeds.empty()) {
    return {at::empty({0, spec_->fields.channels(), box.size[0], box.size[1], box.size[2]},
                      at::kDouble),
            0.0,
            spec_};
  }
  auto const vortex = taylor_green(config_);
  std::vector<at::Tensor> frames;
  for (auto const seed : seeds) {
    auto flow = config_.perturbation > 0 ? vortex + random_motion(config_, seed) : vortex;
    for (int64_t axis = 0; axis < 3; ++axis) {
      auto const i = static_cast<size_t>(axis);
      flow = flow.narrow(axis + 1, box.first[i], box.size[i]);
    }
    frames.push_back(frame_of(rate_.solenoidal(rate_.forward(flow.unsqueeze(0)))));
  }
  return {at::cat(frames), 0.0, spec_};
}

std::map<std::string, double> NavierStokesPeriodic::parameters() const {
  return {{"viscosity", config_.viscosity}};
}

at::Tensor NavierStokesPeriodic::frame_of(at::Tensor const& velocity) const {
  return at::cat({rate_.backward(rate_.pressure(velocity)), rate_.backward(velocity)}, 1);
}

/// Σ |u_i| k_i of the fastest wave in the fastest cell of each trajectory, over all ranks, of
/// velocities (B, d, D, H, W) of this one. \throw Diverged
std::vector<double> NavierStokesPeriodic::turning_rates(at::Tensor const& velocity,
                                                        double time) const {
  auto const waves = at::tensor(rate_.largest(), at::kDouble).view({1, -1, 1, 1, 1});
  auto const fastest = (velocity.abs() * waves).sum(1).amax({1, 2, 3});
  constexpr auto kInfinite = std::numeric_limits<double>::infinity();
  auto const mine = at::nan_to_num(fastest, kInfinite, kInfinite).contiguous();
  auto const* const begin = mine.const_data_ptr<double>();
  std::vector<double> rates(begin, begin + mine.numel());
  rate_.transform().ranks().all_reduce(std::span(rates), Reduction::max);
  for (size_t b = 0; b < rates.size(); ++b) {
    if (!std::isfinite(rates[b])) {
      throw Diverged(concat("the velocity of trajectory ", b, " is not finite at time ", time));
    }
  }
  return rates;
}

/// The method is stable where a step turns no wave by more than 2√2.
void NavierStokesPeriodic::require_enough_steps(at::Tensor const& velocity, double time) const {
  auto const rates = turning_rates(velocity, time);
  for (size_t b = 0; b < rates.size(); ++b) {
    auto const needed = std::ceil(rates[b] * config_.interval / std::sqrt(8.0));
    require(needed <= static_cast<double>(config_.steps),
            "steps: ",
            config_.steps,
            " in an interval of ",
            config_.interval,
            " are unstable for trajectory ",
            b,
            " at time ",
            time,
            "; set steps to ",
            needed,
            " or more");
  }
}

/// The classical Runge-Kutta step for exp(ν k² t) û, written for û.
at::Tensor NavierStokesPeriodic::step(at::Tensor const& velocity, Damping const& damping) const {
  double const length = config_.interval / static_cast<double>(config_.steps);
  auto const& [half, whole] = damping;
  auto const first = rate_(velocity);
  auto const second = rate_(half * (velocity + first * (length / 2)));
  auto const third = rate_(half * velocity + second * (length / 2));
  auto const fourth = rate_(whole * velocity + half * third * length);
  return whole * (velocity + first * (length / 6)) + half * (second + third) * (length / 3) +
         fourth * (length / 6);
}

State NavierStokesPeriodic::advance(History& history) {
  auto const newest = history.newest();
  auto const given = velocity_of(newest.values.to(at::kCPU, at::kDouble));
  require_enough_steps(given, newest.time);
  double const length = config_.interval / static_cast<double>(config_.steps);
  Damping const damping{rate_.damping(config_.viscosity, length / 2),
                        rate_.damping(config_.viscosity, length)};
  std::vector<at::Tensor> frames;
  for (int64_t b = 0; b < given.size(0); ++b) {
    // One by one, in memory of its own: the bits of a transform depend on how many are made at
    // once, and a trajectory must not depend on its company.
    auto velocity = rate_.solenoidal(rate_.forward(given.narrow(0, b, 1).clone()));
    for (int64_t i = 0; i < config_.steps; ++i) {
      velocity = step(velocity, damping);
    }
    frames.push_back(frame_of(velocity));
  }
  auto const time = newest.time + config_.interval;
  auto const made = at::cat(frames);
  turning_rates(velocity_of(made), time);  // refuses what is not finite
  history.push(made, time);
  return history.newest();
}

std::unique_ptr<Solver> make_navier_stokes_periodic(std::string const& yaml,
                                                    Communicator const& ranks) {
  return std::make_unique<NavierStokesPeriodic>(
      parse_config<NavierStokesPeriodicConfig>(yaml, "solver navier_stokes_periodic"), ranks);
}

std::string default_navier_stokes_periodic() {
  return print_config(NavierStokesPeriodicConfig{});
}

}  // namespace eddyline
