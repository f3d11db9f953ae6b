#pragma once

#include <string>

#include "core/progress.hpp"
#include "core/timers.hpp"

namespace eddyline {

/// How far some rollouts are, on a terminal or in the log: frames of all trajectories of all ranks,
/// the step, frames a second and what the time is spent on.
class RolloutProgress {
 public:
  /// \param title   "rollout"
  /// \param frames  that all ranks are to make
  RolloutProgress(std::string title, double frames, double seconds_between_lines = 5);

  /// Where the time of steps is added.
  Timers& timers() { return timers_; }
  /// Counts a step of that many trajectories of all ranks.
  void count(int64_t step, double trajectories);
  /// Shows the last state.
  void finish();

 private:
  ProgressState state() const;

  Progress progress_;
  Timers timers_;
  Progress::Clock::time_point start_ = Progress::Clock::now();
  double frames_;
  double made_ = 0;
  int64_t step_ = 0;
};

}  // namespace eddyline
