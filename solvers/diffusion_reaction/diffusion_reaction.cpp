#include "solvers/diffusion_reaction/diffusion_reaction.hpp"

#include <cmath>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "solvers/numerics/numpy_random.hpp"

namespace eddyline {
namespace {

void check(DiffusionReactionConfig const& c) {
  require(c.cells[0] >= 2 && c.cells[1] >= 2,
          "cells: ",
          c.cells[0],
          " × ",
          c.cells[1],
          " is not a grid; at least 2 cells along each axis are needed");
  require(c.y[0] < c.y[1], "y: the domain's ends ", c.y[0], " and ", c.y[1], " must ascend");
  require(c.x[0] < c.x[1], "x: the domain's ends ", c.x[0], " and ", c.x[1], " must ascend");
  require(c.diffusivity_u >= 0, "diffusivity_u: ", c.diffusivity_u, " must not be negative");
  require(c.diffusivity_v >= 0, "diffusivity_v: ", c.diffusivity_v, " must not be negative");
  require(c.final_time > 0, "final_time: ", c.final_time, " must be positive");
  require(c.frames >= 2, "frames: ", c.frames, " is too few; the first and the last frame make 2");
  require(
      c.largest_step >= 0, "largest_step: ", c.largest_step, " must be positive, or 0 for none");
}

Axis make_axis(std::string const& name, int64_t cells, std::array<double, 2> ends) {
  Axis axis{.name = name, .boundaries = {Boundary::wall, Boundary::wall}};
  double const spacing = (ends[1] - ends[0]) / static_cast<double>(cells);
  axis.coordinates.clear();
  for (int64_t i = 0; i < cells; ++i) {
    axis.coordinates.push_back(ends[0] + (static_cast<double>(i) + 0.5) * spacing);
  }
  return axis;
}

std::array<int, 3> choose_parts(DiffusionReactionConfig const& c, int ranks) {
  auto const [along_y, along_x] = c.blocks;
  require(along_y >= 0 && along_x >= 0,
          "blocks: ",
          along_y,
          " × ",
          along_x,
          " must not be negative; 0 means chosen");
  if (along_y == 0 && along_x == 0) {
    return Decomposition::balanced_parts({1, c.cells[0], c.cells[1]}, ranks);
  }
  std::array<int, 3> const parts = {
      1, along_y == 0 ? ranks / along_x : along_y, along_x == 0 ? ranks / along_y : along_x};
  require(parts[1] * parts[2] == ranks,
          "blocks: ",
          along_y,
          " × ",
          along_x,
          " does not share a trajectory among ",
          ranks,
          " ranks; make the product ",
          ranks,
          ", or 0 for chosen");
  return parts;
}

std::shared_ptr<StateSpec const> make_spec(DiffusionReactionConfig const& c,
                                           Communicator const& ranks) {
  check(c);
  StateSpec spec{.fields = FieldSet({Field{.name = "activator"}, Field{.name = "inhibitor"}}),
                 .grid = Grid({make_axis("y", c.cells[0], c.y), make_axis("x", c.cells[1], c.x)})};
  spec.block = Decomposition(spec.grid.shape(), choose_parts(c, ranks.size())).block(ranks.rank());
  return std::make_shared<StateSpec const>(std::move(spec));
}

DiffusionReactionRate::Constants make_constants(DiffusionReactionConfig const& c) {
  return {.diffusivity_u = c.diffusivity_u,
          .diffusivity_v = c.diffusivity_v,
          .k = c.k,
          .spacing_y = (c.y[1] - c.y[0]) / static_cast<double>(c.cells[0]),
          .spacing_x = (c.x[1] - c.x[0]) / static_cast<double>(c.cells[1])};
}

at::Tensor find(std::map<std::string, at::Tensor> const& memory, std::string const& name) {
  auto const found = memory.find(name);
  require(found != memory.end(),
          "the saved memory of diffusion_reaction lacks '",
          name,
          "'; start the run anew");
  return found->second;
}

}  // namespace

DiffusionReaction::DiffusionReaction(DiffusionReactionConfig const& config,
                                     Communicator const& ranks)
    : config_(config),
      ranks_(ranks.duplicate()),
      spec_(make_spec(config, ranks_)),
      rate_(spec_->block, make_constants(config), ranks_),
      interval_(config.final_time / static_cast<double>(config.frames - 1)) {
  make_integration();  // refuses tolerances that are not allowed
}

std::unique_ptr<RungeKutta45> DiffusionReaction::make_integration() {
  RungeKuttaOptions options{.relative_tolerance = config_.relative_tolerance,
                            .absolute_tolerance = config_.absolute_tolerance};
  if (config_.largest_step > 0) {
    options.largest_step = config_.largest_step;
  }
  auto const rate = [this](double /*time*/, at::Tensor const& state, at::Tensor const& out) {
    rate_(state, out);
  };
  return std::make_unique<RungeKutta45>(rate, options, ranks_);
}

State DiffusionReaction::initial(std::vector<uint64_t> const& seeds) {
  auto const& box = spec_->block.box;
  auto const trajectories = static_cast<int64_t>(seeds.size());
  auto values = at::empty({trajectories, 2, 1, box.size[1], box.size[2]}, at::kDouble);
  // numpy draws all cells one after another: a rank passes through them row by row and keeps its
  // own.
  auto const row = at::empty({config_.cells[1]}, at::kDouble);
  for (int64_t b = 0; b < trajectories; ++b) {
    NumpyGenerator numbers(seeds[static_cast<size_t>(b)]);
    for (int64_t field = 0; field < 2; ++field) {
      for (int64_t y = 0; y < config_.cells[0]; ++y) {
        numbers.fill_standard_normal(
            {row.mutable_data_ptr<double>(), static_cast<size_t>(row.numel())});
        auto const own = y - box.first[1];
        if (own >= 0 && own < box.size[1]) {
          values[b][field][0][own].copy_(row.narrow(0, box.first[2], box.size[2]));
        }
      }
    }
  }
  return {values, 0.0, spec_};
}

std::map<std::string, double> DiffusionReaction::parameters() const {
  return {{"Du", config_.diffusivity_u}, {"Dv", config_.diffusivity_v}, {"k", config_.k}};
}

bool DiffusionReaction::continues(State const& newest) const {
  bool const mine = last_.defined() && newest.time == last_time_ &&
                    newest.values.sizes() == last_.sizes() &&
                    at::equal(newest.values.cpu(), last_.to(newest.values.scalar_type()));
  return ranks_.all_reduce(static_cast<int64_t>(mine), Reduction::min) == 1;
}

void DiffusionReaction::begin(State const& newest) {
  auto const values = newest.values.to(at::kCPU, at::kDouble).contiguous();
  start_ = newest.time;
  bound_ = start_ + config_.final_time;
  frame_ = 0;
  integrations_.clear();
  for (int64_t b = 0; b < values.size(0); ++b) {
    integrations_.push_back(make_integration());
    integrations_.back()->start(values[b], start_, bound_);
  }
}

/// start + i * interval as numpy's linspace has it, and exactly the bound where round-off parts
/// them.
double DiffusionReaction::next_frame_time() const {
  double const time = start_ + static_cast<double>(frame_ + 1) * interval_;
  return std::abs(time - bound_) < 1e-9 * interval_ ? bound_ : time;
}

State DiffusionReaction::advance(History& history) {
  auto const newest = history.newest();
  if (!continues(newest)) {
    begin(newest);
  }
  auto const time = next_frame_time();
  if (time > bound_) {
    bound_ += config_.final_time;
    for (auto const& integration : integrations_) {
      integration->extend(bound_);
    }
  }
  auto const made = at::empty(newest.values.sizes(), at::kDouble);
  for (size_t b = 0; b < integrations_.size(); ++b) {
    with_context([&] { integrations_[b]->reach(time, made[static_cast<int64_t>(b)]); },
                 "integrating trajectory ",
                 b,
                 " of diffusion_reaction");
  }
  last_ = made;
  last_time_ = time;
  ++frame_;
  history.push(made, time);
  return history.newest();
}

std::map<std::string, at::Tensor> DiffusionReaction::save() const {
  if (!last_.defined()) {
    return {};
  }
  std::map<std::string, std::vector<at::Tensor>> parts;
  for (auto const& integration : integrations_) {
    for (auto const& [name, value] : integration->save()) {
      parts[name].push_back(value);
    }
  }
  std::map<std::string, at::Tensor> memory;
  for (auto const& [name, values] : parts) {
    memory[name] = at::stack(values);
  }
  memory["frame"] = last_.clone();
  auto const clock =
      at::tensor({start_, bound_, static_cast<double>(frame_), last_time_}, at::kDouble);
  memory["frame_clock"] = clock.expand({last_.size(0), clock.size(0)}).clone();
  return memory;
}

void DiffusionReaction::load(std::map<std::string, at::Tensor> const& memory) {
  last_ = at::Tensor();
  integrations_.clear();
  if (memory.empty()) {
    return;  // saved before the first frame: the next advance() starts anew
  }
  auto const frame = find(memory, "frame").to(at::kCPU, at::kDouble).contiguous();
  auto const clock = find(memory, "frame_clock").to(at::kCPU, at::kDouble).contiguous();
  auto const& box = spec_->block.box;
  require(
      frame.dim() == 5 &&
          frame.sizes().slice(1) == at::IntArrayRef({2, box.size[0], box.size[1], box.size[2]}) &&
          clock.sizes() == at::IntArrayRef({frame.size(0), 4}),
      "the saved memory of diffusion_reaction is of a block ",
      frame.sizes(),
      ", this rank holds (B, 2, ",
      box.size[0],
      ", ",
      box.size[1],
      ", ",
      box.size[2],
      "); go on with the configuration and the ranks it was saved with");
  require(at::equal(clock, clock.select(0, 0).expand_as(clock)),
          "the saved memory of diffusion_reaction is of trajectories at different times; let those "
          "of one time go on together");
  for (int64_t b = 0; b < frame.size(0); ++b) {
    std::map<std::string, at::Tensor> part;
    for (auto const* const name : {"clock", "state", "previous", "slopes"}) {
      auto const all = find(memory, name).to(at::kCPU, at::kDouble);
      require(all.dim() > 0 && all.size(0) == frame.size(0),
              "the saved memory '",
              name,
              "' holds not ",
              frame.size(0),
              " trajectories; start the run anew");
      part[name] = all[b].contiguous();
    }
    integrations_.push_back(make_integration());
    integrations_.back()->load(part);
  }
  auto const* const numbers = clock.const_data_ptr<double>();
  start_ = numbers[0];
  bound_ = numbers[1];
  frame_ = static_cast<int64_t>(numbers[2]);
  last_time_ = numbers[3];
  last_ = frame;
}

std::unique_ptr<Solver> make_diffusion_reaction(std::string const& yaml,
                                                Communicator const& ranks) {
  return std::make_unique<DiffusionReaction>(
      parse_config<DiffusionReactionConfig>(yaml, "solver diffusion_reaction"), ranks);
}

std::string default_diffusion_reaction() {
  return print_config(DiffusionReactionConfig{});
}

}  // namespace eddyline
