#include "workflows/rollout/rollout.hpp"

#include <limits>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "workflows/rollout/finite_watch.hpp"

namespace eddyline {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

}  // namespace

Rollout::Rollout(Stepper& stepper, RolloutPlan plan, Communicator const& ranks)
    : stepper_(stepper), plan_(plan), ranks_(ranks) {
  require(plan_.steps >= plan_.from,
          "steps is ",
          plan_.steps,
          ", fewer than the ",
          plan_.from,
          " that are there already; ask for more steps");
  require(plan_.every >= 1, "every is ", plan_.every, "; it must be at least 1");
  require(plan_.segment >= 1, "segment is ", plan_.segment, "; it must be at least 1");
}

State Rollout::view_of(int64_t step, State const& state) const {
  return view_ ? view_(step, state) : state;
}

Restart Rollout::restart_at(int64_t step, History const& history) const {
  return {step, history.window().clone(), history.times(), stepper_.save()};
}

void Rollout::give(int64_t step, State const& state) {
  bool const written = sink_ != nullptr && (step % plan_.every == 0 || step == plan_.steps);
  if (!written && observers_.empty()) {
    return;
  }
  auto const frame = view_of(step, state);
  for (auto const& observer : observers_) {
    observer(step, frame);
  }
  if (written) {
    sink_->write(step, frame);
  }
}

int64_t Rollout::run_segment(int64_t from, int64_t to, History& history) {
  FiniteWatch watch(history.window());
  for (auto step = from + 1; step <= to; ++step) {
    try {
      auto const state = stepper_.advance(history);
      watch.see(step, state.values);
      give(step, state);
    } catch (Diverged const&) {
      // The other ranks learn it at the end of the segment, where they wait.
      return std::min(watch.first_bad().value_or(step), step);
    }
  }
  return watch.first_bad().value_or(kNever);
}

void Rollout::end_segment(int64_t step, int64_t first_bad, History const& history) {
  auto const bad = ranks_.all_reduce(first_bad, Reduction::min);
  auto const is_written =
      ranks_.all_reduce(static_cast<int64_t>(sink_ != nullptr), Reduction::max) > 0;
  if (bad != kNever) {
    ranks_.together([&] {
      if (sink_ != nullptr) {
        sink_->discard_after(bad - 1);
        sink_->close_segment(good_);
      }
    });
    throw Diverged(
        concat("the solution of '",
               stepper_.name(),
               "' is not finite (NaN or Inf) at step ",
               bad,
               " of ",
               plan_.steps,
               is_written ? "; the frames before it are saved" : "",
               "; start from other data, take a smaller time step, or train for longer rollouts"));
  }
  good_ = restart_at(step, history);
  // A rank without a sink takes part: it must learn of the others' full disk.
  ranks_.together([&] {
    if (sink_ != nullptr) {
      sink_->close_segment(good_);
    }
  });
}

RolloutEnding Rollout::run(History& history) {
  require(history.size() >= stepper_.history(),
          "the history holds ",
          history.size(),
          " frames, '",
          stepper_.name(),
          "' needs ",
          stepper_.history());
  good_ = restart_at(plan_.from, history);
  if (plan_.from == 0) {
    give(0, history.newest());
  }
  for (auto step = plan_.from; step < plan_.steps;) {
    auto const end = std::min(step + plan_.segment, plan_.steps);
    auto const bad = run_segment(step, end, history);
    end_segment(end, bad, history);
    step = end;
    auto const stop = static_cast<int64_t>(stop_ && step < plan_.steps && stop_());
    if (ranks_.all_reduce(stop, Reduction::max) != 0) {
      return RolloutEnding::stopped;
    }
  }
  return RolloutEnding::finished;
}

}  // namespace eddyline
