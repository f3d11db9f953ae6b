#include "workflows/evaluation/evaluation.hpp"

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "workflows/rollout/rollout.hpp"

namespace eddyline {
namespace {

std::vector<std::string> all_methods(Baselines const& baselines) {
  auto methods = baselines.names();
  methods.insert(methods.begin(), "model");
  return methods;
}

/// What is missing at the start no method can forecast; all are scored on the same cells.
at::Tensor present_at(Dataset const& data, ForecastStart const& start) {
  auto const present = data.mask_of(start.newest);
  return start.before.defined() ? present * data.mask_of(start.before) : present;
}

}  // namespace

Evaluator::Evaluator(Dataset& data,
                     Baselines const& baselines,
                     MakeStepper make_stepper,
                     Communicator const& ranks)
    : data_(data), baselines_(baselines), make_stepper_(std::move(make_stepper)), ranks_(ranks) {
  auto const& shape = data_.window_shape();
  require(!baselines_.needs_frame_before() || shape.history >= 2,
          "the baseline 'linear' needs two frames, the windows have ",
          shape.history,
          "; leave it out of evaluate.baselines");
  bool const is_forecast = shape.target_time == TargetTime::ahead;
  require(is_forecast || !baselines_.needs_newest_frame(),
          "data.target_time is same: the newest frame, which the baselines persistence and linear "
          "start from, is what is predicted; leave them out of evaluate.baselines");
  require(!is_forecast || shape.input_stride == shape.lead,
          "a forecast of several steps needs input frames as far apart as a step: set "
          "data.input_stride (",
          shape.input_stride,
          " frames) and data.lead (",
          shape.lead,
          ") alike");
}

Scores Evaluator::run(std::vector<WindowAddress> const& windows, EvaluationPlan const& plan) {
  require(!windows.empty(),
          "the ",
          to_string(data_.split()),
          " part of '",
          data_.name(),
          "' has no window of ",
          data_.window_shape().history,
          " input frames and ",
          plan.horizon,
          " steps; take a smaller horizon");
  require(plan.horizon == 1 || data_.window_shape().target_time == TargetTime::ahead,
          "data.target_time is same, so no step follows another; set horizon=0");
  ScoreBoard board(plan.columns,
                   all_methods(baselines_),
                   plan.horizon,
                   data_.compared_grid(),
                   plan.normalisation);
  auto const total = static_cast<int64_t>(windows.size());
  auto const& ranks = data_.sharing_out(ranks_);
  auto const first = total * ranks.rank() / ranks.size();
  auto const last = total * (ranks.rank() + 1) / ranks.size();
  RolloutProgress progress(
      concat("evaluate ", plan.horizon, plan.horizon == 1 ? " step" : " steps"),
      static_cast<double>(total * plan.horizon));
  // What a rank has done of its share stands for all.
  auto const share = std::max<int64_t>(last - first, 1);
  Task const task{plan, board, progress, static_cast<double>(total) / static_cast<double>(share)};
  ranks_.collectively([&] {
    for (auto at = first; at < last; at += plan.batch) {
      auto const end = std::min(at + plan.batch, last);
      score_batch({windows.begin() + at, windows.begin() + end}, task);
    }
  });
  progress.finish();
  return board.scores(ranks);
}

at::Tensor Evaluator::read_at(std::vector<WindowAddress> const& windows,
                              int64_t offset,
                              Task const& task) {
  auto const span = task.progress.timers().measure("read", Phase::data);
  auto const& shape = data_.block().box.size;
  auto frames = at::empty({static_cast<int64_t>(windows.size()),
                           data_.state_spec()->fields.channels(),
                           shape[0],
                           shape[1],
                           shape[2]},
                          at::kFloat);
  for (size_t i = 0; i < windows.size(); ++i) {
    data_.read_into({windows[i].trajectory, windows[i].first + offset, 1, 1},
                    frames.narrow(0, static_cast<int64_t>(i), 1));
  }
  return frames.to(task.plan.device);
}

void Evaluator::score_batch(std::vector<WindowAddress> const& windows, Task const& task) {
  auto const& shape = data_.window_shape();
  auto const& plan = task.plan;
  auto const newest = (shape.history - 1) * shape.input_stride;
  std::vector<StartFrame> starts;
  ForecastStart start;
  std::vector<int64_t> trajectories;
  for (auto const& window : windows) {
    starts.push_back({window.trajectory, window.first + newest});
    start.times.push_back(
        data_.times(window.trajectory)[static_cast<size_t>(window.first + newest)]);
    trajectories.push_back(window.trajectory);
  }
  auto const stepper = make_stepper_(starts);
  start.interval = stepper->interval();
  History history(stepper->history(), data_.state_spec());
  for (auto frame = shape.history - stepper->history(); frame < shape.history; ++frame) {
    auto const offset = frame * shape.input_stride;
    auto const times = data_.times({windows[0].trajectory, windows[0].first + offset, 1, 1});
    history.push(read_at(windows, offset, task), times[0]);
  }
  start.newest = history.newest().values.clone();
  if (baselines_.needs_frame_before()) {
    start.before = read_at(windows, newest - shape.input_stride, task);
  }
  auto const present = present_at(data_, start);
  Rollout rollout(
      *stepper,
      {.steps = plan.horizon, .segment = plan.horizon, .not_finite = NotFinite::goes_on},
      alone_);
  rollout.show(task.progress, task.weight * static_cast<double>(windows.size()));
  rollout.set_view([&](int64_t, State const& state) {
    return State{data_.compared_forecast(state.values), state.time, state.spec};
  });
  rollout.observe([&](int64_t step, State const& frame) {
    if (step == 0) {
      return;
    }
    auto const truth = read_at(windows, newest + step * shape.lead, task);
    auto const span = task.progress.timers().measure("score", Phase::other);
    Comparison comparison{.target = data_.compared(truth),
                          .trajectories = trajectories,
                          .sharding = data_.compared_sharding()};
    if (data_.config().missing == Missing::mask) {
      comparison.mask = data_.compared(data_.mask_of(truth) * present);
    }
    auto const usual = baselines_.climatology(start, step);
    comparison.climatology = usual.defined() ? data_.compared(usual) : usual;
    for (auto const& method : task.board.methods()) {
      comparison.prediction = method == "model"
                                  ? frame.values
                                  : data_.compared(baselines_.forecast(method, start, step));
      task.board.update(method, step - 1, comparison);
    }
  });
  rollout.run(history);
  task.board.count_samples(static_cast<int64_t>(windows.size()));
}

std::vector<WindowAddress> all_windows(Dataset const& data, int64_t most) {
  auto const total = data.windows();
  auto const count = most > 0 ? std::min(most, total) : total;
  std::vector<WindowAddress> windows;
  for (int64_t i = 0; i < count; ++i) {
    windows.push_back(data.window(i * total / count));
  }
  return windows;
}

std::vector<WindowAddress> rollout_windows(Dataset const& data, int64_t horizon, int64_t every) {
  auto const& shape = data.window_shape();
  auto const span = (shape.history - 1) * shape.input_stride + horizon * shape.lead;
  std::vector<WindowAddress> windows;
  for (int64_t i = 0; i < data.windows(); ++i) {
    auto const window = data.window(i);
    bool const is_next = windows.empty() || windows.back().trajectory != window.trajectory ||
                         (every > 0 && window.first >= windows.back().first + every);
    if (is_next && window.first + span < data.frames(window.trajectory)) {
      windows.push_back(window);
    }
  }
  return windows;
}

}  // namespace eddyline
