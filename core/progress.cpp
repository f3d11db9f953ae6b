#include "core/progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "core/log.hpp"

namespace eddyline {
namespace {

constexpr double kSecondsBetweenBars = 0.1;
constexpr int kBarCells = 20;

int terminal_width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 100;
}

std::string memory_text() {
  return fmt::format("{:.1f} GiB", static_cast<double>(resident_memory()) / 0x1p30);
}

}  // namespace

Progress::Progress(std::string title, int64_t first_step, double seconds_between_lines)
    : title_(std::move(title)),
      first_step_(first_step),
      between_lines_(seconds_between_lines),
      last_(start_) {}

Progress::~Progress() {
  set_status_line("");
}

void Progress::update(ProgressState const& state) {
  auto const now = Clock::now();
  auto const wait =
      has_status_line() ? std::chrono::duration<double>(kSecondsBetweenBars) : between_lines_;
  if (now - last_ >= wait) {
    show(state, now);
  }
}

void Progress::finish(ProgressState const& state) {
  set_status_line("");
  log_line(progress_line(title_, state, 0));
  last_ = Clock::now();
}

void Progress::show(ProgressState const& state, Clock::time_point now) {
  last_ = now;
  auto const done = std::max<int64_t>(1, state.step - first_step_);
  auto const spent = std::chrono::duration<double>(now - start_).count();
  auto const left = state.steps > 0 ? spent / static_cast<double>(done) *
                                          static_cast<double>(state.steps - state.step)
                                    : 0;
  if (has_status_line()) {
    set_status_line(progress_bar(title_, state, left, terminal_width() - 1));
  } else {
    log_line(progress_line(title_, state, left));
  }
}

std::string progress_line(std::string const& title,
                          ProgressState const& state,
                          double seconds_left) {
  auto text = state.steps > 0 ? fmt::format("{} {}/{}", title, state.step, state.steps)
                              : fmt::format("{} {}", title, state.step);
  text += state.values.empty() ? "" : ", " + state.values;
  text += state.samples_per_second > 0 ? fmt::format(", {:.3g} samples/s", state.samples_per_second)
                                       : "";
  text += state.phases.total() > 0 ? ", " + state.phases.text() : "";
  text += ", " + memory_text();
  return seconds_left > 0 ? text + ", " + duration_text(seconds_left) + " left" : text;
}

std::string progress_bar(std::string const& title,
                         ProgressState const& state,
                         double seconds_left,
                         int width) {
  std::string bar;
  if (state.steps > 0) {
    auto const share = static_cast<double>(state.step) / static_cast<double>(state.steps);
    auto const full = std::clamp(static_cast<int>(share * kBarCells), 0, kBarCells);
    bar = fmt::format("[{}{}] ",
                      std::string(static_cast<size_t>(full), '#'),
                      std::string(static_cast<size_t>(kBarCells - full), '.'));
  }
  auto const text = bar + progress_line(title, state, seconds_left);
  return text.substr(0, static_cast<size_t>(std::max(0, width)));
}

std::string duration_text(double seconds) {
  auto const whole = static_cast<int64_t>(std::llround(std::max(0.0, seconds)));
  if (whole >= 3600) {
    return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
  }
  return whole >= 60 ? fmt::format("{} min {:02} s", whole / 60, whole % 60)
                     : fmt::format("{} s", whole);
}

int64_t resident_memory() {
  std::ifstream in("/proc/self/statm");
  int64_t pages = 0;
  int64_t resident = 0;
  return in >> pages >> resident ? resident * ::sysconf(_SC_PAGESIZE) : 0;
}

}  // namespace eddyline
