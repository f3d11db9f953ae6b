#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace eddyline {

/// What time was spent on.
enum class Phase { data, compute, communication, other };

/// Seconds by phase.
struct PhaseSeconds {
  double data = 0;
  double compute = 0;
  double communication = 0;
  double other = 0;

  double total() const { return data + compute + communication + other; }
  PhaseSeconds since(PhaseSeconds const& earlier) const;
  /// "data 3 %, compute 90 %, communication 7 %", and "other" if there was any.
  std::string text() const;
};

/// Stop watches that add up, each by name and phase. Two readings of the clock a measurement; one
/// thread.
class Timers {
 public:
  using Clock = std::chrono::steady_clock;

  struct Timer {
    std::string name;
    Phase phase;
    double seconds = 0;
    int64_t calls = 0;
  };

  /// Measures until it is destroyed.
  class Span {
   public:
    Span(Timers& timers, size_t timer) : timers_(timers), timer_(timer), start_(Clock::now()) {}
    Span(Span const&) = delete;
    Span& operator=(Span const&) = delete;
    ~Span() {
      timers_.add_to(timer_, std::chrono::duration<double>(Clock::now() - start_).count());
    }

   private:
    Timers& timers_;
    size_t timer_;
    Clock::time_point start_;
  };

  /// `auto const span = timers.measure("forward", Phase::compute);`
  [[nodiscard]] Span measure(char const* name, Phase phase) {
    return Span(*this, find(name, phase));
  }
  /// Adds what was measured elsewhere (a loader's thread, a process group).
  void add(char const* name, Phase phase, double seconds) { add_to(find(name, phase), seconds); }

  PhaseSeconds phases() const;
  std::vector<Timer> const& timers() const { return timers_; }
  /// One line a timer: name, phase, seconds, calls, milliseconds a call.
  std::string report() const;

 private:
  size_t find(char const* name, Phase phase);
  void add_to(size_t timer, double seconds);

  std::vector<Timer> timers_;
};

}  // namespace eddyline
