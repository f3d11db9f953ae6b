#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "core/timers.hpp"

namespace eddyline {

/// Where a run stands.
struct ProgressState {
  int64_t step = 0;         ///< done
  int64_t steps = 0;        ///< in all; 0: unknown
  std::string values = {};  ///< "loss 0.0123", as the caller likes it
  double samples_per_second = 0;
  PhaseSeconds phases = {};  ///< since the last update
};

/// Shows a run's progress: a bar on a terminal, else a line in the log every few seconds. Root rank
/// only; costs nothing to call often.
class Progress {
 public:
  using Clock = std::chrono::steady_clock;

  /// \param title       "train"
  /// \param first_step  what was done before this run (resumed): not counted in its speed
  explicit Progress(std::string title, int64_t first_step = 0, double seconds_between_lines = 5);
  Progress(Progress const&) = delete;
  Progress& operator=(Progress const&) = delete;
  /// Takes the bar away.
  ~Progress();

  void update(ProgressState const& state);
  /// Shows the last state whatever the time.
  void finish(ProgressState const& state);

 private:
  void show(ProgressState const& state, Clock::time_point now);

  std::string title_;
  int64_t first_step_;
  std::chrono::duration<double> between_lines_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_;
};

/// "train 120/1000, loss 0.01, 53.2 samples/s, data 3 %, …, 1.2 GiB, 4 min 10 s left"
std::string progress_line(std::string const& title,
                          ProgressState const& state,
                          double seconds_left);
/// The same with a bar in front, at most `width` columns.
std::string progress_bar(std::string const& title,
                         ProgressState const& state,
                         double seconds_left,
                         int width);
/// "3 h 02 min", "4 min 10 s", "7 s"
std::string duration_text(double seconds);
/// Memory that this process holds [bytes].
int64_t resident_memory();

}  // namespace eddyline
