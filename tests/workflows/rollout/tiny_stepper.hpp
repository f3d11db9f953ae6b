#pragma once

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "data/field/stepper.hpp"

namespace eddyline::testing_rollout {

/// x(t + dt) = 0.9 x(t) + 0.05 x(t - dt), by cell; can be told to turn NaN at a step.
class TinyStepper final : public Stepper {
 public:
  explicit TinyStepper(double interval = 0.5) : interval_(interval) {}

  std::string name() const override { return "tiny"; }
  int64_t history() const override { return 2; }
  double interval() const override { return interval_; }
  State advance(History& history) override {
    auto const window = history.window();
    auto const newest = history.newest();
    auto next = 0.9 * window.select(1, 1) + 0.05 * window.select(1, 0);
    ++calls_;
    if (calls_ == last_ + 1) {
      throw Diverged("the tiny stepper gives up");
    }
    if (calls_ == broken_at_) {
      next = next / 0.0 * 0.0;
    }
    history.push(next, newest.time + interval_);
    return history.newest();
  }
  void break_at(int64_t call) { broken_at_ = call; }
  void give_up_after(int64_t calls) { last_ = calls; }

 private:
  double interval_;
  int64_t calls_ = 0;
  int64_t broken_at_ = -1;
  int64_t last_ = -1;
};

/// (x, y) data with a scalar and a vector: 4 x 6 cells, `samples` trajectories from number `first`
/// on.
inline std::shared_ptr<StateSpec const> tiny_spec() {
  auto spec = std::make_shared<StateSpec>();
  Axis x{.name = "x",
         .coordinates = {0, 1, 2, 3},
         .boundaries = {Boundary::periodic, Boundary::periodic}};
  Axis y{.name = "y",
         .coordinates = {5, 4, 3, 2, 1, 0},
         .boundaries = {Boundary::wall, Boundary::open}};
  spec->grid = Grid({x, y});
  spec->fields =
      FieldSet({Field{.name = "u", .units = "K"},
                Field{.name = "v", .components = {"x", "y"}, .units = "m/s", .order = 1}});
  spec->block = whole_block(spec->grid.shape());
  spec->time_unit.assign(1, 's');
  return spec;
}

inline at::Tensor tiny_values(int64_t samples, int64_t first = 0) {
  auto const b = at::arange(first, first + samples, at::kFloat).view({samples, 1, 1, 1, 1});
  return at::sin(at::arange(72, at::kFloat).view({1, 3, 1, 4, 6}) * 0.7 + b);
}

inline History tiny_history(int64_t samples, int64_t first = 0) {
  History history(2, tiny_spec());
  history.push(tiny_values(samples, first), -0.5);
  history.push(tiny_values(samples, first) * 1.1, 0.0);
  return history;
}

}  // namespace eddyline::testing_rollout
