#include "workflows/rollout/rollout.hpp"

#include <algorithm>

#include <ATen/ATen.h>

#include "core/vote.hpp"

namespace eddyline {

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
  auto const& spec = history.spec();
  return {.step = step,
          .window = history.window().clone(),
          .times = history.times(),
          .memory = stepper_.save(),
          .block = spec ? spec->block : Block{}};
}

void Rollout::give(int64_t step, State const& state) {
  bool const written = sink_ != nullptr && step >= plan_.first &&
                       ((step - plan_.first) % plan_.every == 0 || step == plan_.steps);
  auto const is_due = [step](Watcher const& watcher) { return step % watcher.every == 0; };
  if (!written && std::ranges::none_of(observers_, is_due)) {
    return;
  }
  auto const frame = [&] {
    auto const span = timers_->measure("view", Phase::data);
    return view_of(step, state);
  }();
  for (auto const& observer : observers_) {
    if (is_due(observer)) {
      observer.see(step, frame);
    }
  }
  if (written) {
    auto const span = timers_->measure("write", Phase::data);
    sink_->write(step, frame);
  }
}

void Rollout::show(RolloutProgress& progress, double trajectories) {
  progress_ = &progress;
  timers_ = &progress.timers();
  trajectories_ = trajectories;
}

State Rollout::advance(int64_t step, History& history, FiniteWatch& watch) {
  auto const span = timers_->measure("advance", Phase::compute);
  auto const state = stepper_.advance(history);
  if (plan_.not_finite == NotFinite::ends) {
    watch.see(step, state.values);
  }
  return state;
}

int64_t Rollout::one_step(int64_t step, History& history, FiniteWatch& watch) {
  try {
    give(step, advance(step, history, watch));
  } catch (Diverged const& problem) {
    auto const bad = std::min(watch.first_bad().value_or(step), step);
    problem_ = bad == step ? std::optional(problem) : std::nullopt;
    return bad;
  }
  if (progress_ != nullptr) {
    progress_->count(step, trajectories_);
  }
  return kNever;
}

Rollout::SegmentEnd Rollout::run_segment(int64_t from, int64_t to, History& history) {
  FiniteWatch watch(stepper_.predicted(history.window()), group_);
  auto bad = kNever;
  auto step = from;
  Vote ends(ranks_);
  do {
    ++step;
    if (bad == kNever) {  // else the others learn it from the vote, a step later
      bad = one_step(step, history, watch);
    }
    if (ends.close()) {
      break;
    }
    if (step < to) {
      ends.open(bad != kNever || (stop_ && stop_()) ? Answer::yes : Answer::no);
    }
  } while (step < to);
  auto const span = timers_->measure("advance", Phase::compute);  // waits for the device
  return {step, bad != kNever ? bad : watch.first_bad().value_or(kNever)};
}

void Rollout::end_diverged(int64_t bad, int64_t first_bad) {
  auto const is_written =
      ranks_.all_reduce(static_cast<int64_t>(sink_ != nullptr), Reduction::max) > 0;
  ranks_.collectively([&] {
    if (sink_ != nullptr) {
      sink_->discard_after(bad - 1);
      sink_->close_segment(good_);
    }
  });
  auto const* const saved = is_written ? "; the frames before it are saved" : "";
  ranks_.together([&] {
    if (first_bad != bad) {
      return;
    }
    if (problem_) {
      problem_->add_context(concat("while making step ", bad, " of ", plan_.steps, saved));
      throw Diverged(*problem_);
    }
    throw Diverged(
        concat("the solution of '",
               stepper_.name(),
               "' is not finite (NaN or Inf) at step ",
               bad,
               " of ",
               plan_.steps,
               saved,
               "; start from other data, take a smaller time step, or train for longer rollouts"));
  });
}

void Rollout::end_segment(int64_t step, int64_t first_bad, History const& history) {
  auto const bad = [&] {
    auto const span = timers_->measure("agree", Phase::communication);
    return ranks_.all_reduce(first_bad, Reduction::min);
  }();
  if (bad != kNever) {
    end_diverged(bad, first_bad);
  }
  auto const span = timers_->measure("write", Phase::data);
  good_ = restart_at(step, history);
  // A rank without a sink takes part: it must learn of the others' full disk.
  ranks_.collectively([&] {
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
    auto first = history.newest();
    first.values = stepper_.predicted(first.values);
    give(0, first);
  }
  // Also a plan of no step closes its segment: the given frame may be all that is written.
  for (auto step = plan_.from;;) {
    auto const end = std::min(step + plan_.segment, plan_.steps);
    auto const reached = step < end ? run_segment(step, end, history) : SegmentEnd{step, kNever};
    end_segment(reached.step, reached.first_bad, history);
    step = reached.step;
    if (step == plan_.steps) {
      return RolloutEnding::finished;
    }
    auto const stop = static_cast<int64_t>(stop_ && stop_());
    if (ranks_.all_reduce(stop, Reduction::max) != 0) {
      return RolloutEnding::stopped;
    }
  }
}

}  // namespace eddyline
