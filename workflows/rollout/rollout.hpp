#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "core/communicator.hpp"
#include "core/error.hpp"
#include "data/field/stepper.hpp"
#include "data/sinks/sink.hpp"
#include "workflows/rollout/finite_watch.hpp"
#include "workflows/rollout/rollout_progress.hpp"

namespace eddyline {

/// What NaN and Inf do to a rollout.
enum class NotFinite {
  ends,     ///< the frames before are saved, then Diverged is thrown
  goes_on,  ///< they are frames like others: a score tells
};

/// How far a rollout goes and how often it speaks.
struct RolloutPlan {
  int64_t steps = 1;     ///< last step; step 0 is the newest given frame
  int64_t from = 0;      ///< step of the history's newest frame: > 0 when a run goes on
  int64_t first = 0;     ///< first step that is written
  int64_t every = 1;     ///< steps between the frames that are written
  int64_t segment = 50;  ///< steps between closings of the sink: what a kill may lose
  NotFinite not_finite = NotFinite::ends;
};

/// Why a rollout ended.
enum class RolloutEnding { finished, stopped };

/// Drives any Stepper, solver or surrogate, for thousands of steps in constant memory: simulate,
/// roll out, compare are this loop; they differ in sink and observers. Every rank drives its own
/// trajectories (or its block of them) and all make the same number of steps.
///
/// At the end of a segment, and only there, it waits for the device: NaN or Inf in any trajectory
/// of any rank ends the run on all, with the frames before it saved. A segment ends early where the
/// run is to stop.
class Rollout {
 public:
  /// Turns a state of the stepper into the frame that is written and watched by `observe`: leaves
  /// padding out, adds truth. The identity if empty.
  using View = std::function<State(int64_t step, State const&)>;
  using Observer = std::function<void(int64_t step, State const& frame)>;

  Rollout(Stepper& stepper, RolloutPlan plan, Communicator const& ranks);
  Rollout(Rollout const&) = delete;
  Rollout& operator=(Rollout const&) = delete;

  /// Frames are blocks of whole ones on the ranks of `group`, which step together.
  void split_over(Mesh::Group group) { group_ = std::move(group); }
  void set_view(View view) { view_ = std::move(view); }
  void write_to(Sink& sink) { sink_ = &sink; }
  /// Called with every frame, also those that are not written; or with those of each n-th step.
  void observe(Observer observer, int64_t every = 1) {
    observers_.push_back({std::move(observer), every});
  }
  /// Tells `progress` of each step, of that many trajectories of all ranks, and where time goes.
  void show(RolloutProgress& progress, double trajectories);
  /// Asked after each step; where a rank says true, all end a step later, resumable.
  void stop_when(std::function<bool()> stop) { stop_ = std::move(stop); }

  /// Goes from the newest frame of `history` to the plan's last step. When plan.from is 0 that
  /// frame is written too. Collective. \throw Diverged  if a frame is not finite, naming the first
  /// such step; the frames before it are
  ///                  in the sink, with the history to go on from
  RolloutEnding run(History& history);

 private:
  struct SegmentEnd {
    int64_t step;
    int64_t first_bad;  ///< kNever if all frames are finite here
  };
  SegmentEnd run_segment(int64_t from, int64_t to, History& history);
  int64_t one_step(int64_t step, History& history, FiniteWatch& watch);
  State advance(int64_t step, History& history, FiniteWatch& watch);
  void end_segment(int64_t step, int64_t first_bad, History const& history);
  void end_diverged(int64_t bad, int64_t first_bad);
  void give(int64_t step, State const& state);
  State view_of(int64_t step, State const& state) const;
  Restart restart_at(int64_t step, History const& history) const;

  Stepper& stepper_;
  RolloutPlan plan_;
  Communicator const& ranks_;
  Mesh::Group group_;
  View view_;
  Sink* sink_ = nullptr;
  struct Watcher {
    Observer see;
    int64_t every;
  };
  std::vector<Watcher> observers_;
  std::function<bool()> stop_;
  RolloutProgress* progress_ = nullptr;
  double trajectories_ = 0;
  Timers own_timers_;
  Timers* timers_ = &own_timers_;
  Restart good_;                     ///< at the end of the last segment
  std::optional<Diverged> problem_;  ///< what the stepper said when it gave up
};

}  // namespace eddyline
