#include "workflows/rollout/rollout_progress.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"

namespace eddyline {

RolloutProgress::RolloutProgress(std::string title, double frames, double seconds_between_lines)
    : progress_(std::move(title), 0, seconds_between_lines), frames_(frames) {}

ProgressState RolloutProgress::state() const {
  auto const spent = std::chrono::duration<double>(Progress::Clock::now() - start_).count();
  return {.step = std::llround(made_),
          .steps = std::llround(frames_),
          .values = concat("step ", step_),
          .samples_per_second = made_ / std::max(spent, 1e-9),
          .phases = timers_.phases()};
}

void RolloutProgress::count(int64_t step, double trajectories) {
  step_ = step;
  made_ += trajectories;
  progress_.update(state());
}

void RolloutProgress::finish() {
  progress_.finish(state());
}

}  // namespace eddyline
