#include "core/timers.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace eddyline {
namespace {

char const* name_of(Phase phase) {
  switch (phase) {
    case Phase::data:
      return "data";
    case Phase::compute:
      return "compute";
    case Phase::communication:
      return "communication";
    case Phase::other:
      return "other";
  }
  return "";
}

}  // namespace

PhaseSeconds PhaseSeconds::since(PhaseSeconds const& earlier) const {
  return {data - earlier.data,
          compute - earlier.compute,
          communication - earlier.communication,
          other - earlier.other};
}

std::string PhaseSeconds::text() const {
  auto const all = std::max(total(), 1e-12);
  auto const share = [&](double seconds) { return 100 * seconds / all; };
  auto const text = fmt::format("data {:.0f} %, compute {:.0f} %, communication {:.0f} %",
                                share(data),
                                share(compute),
                                share(communication));
  return other > 0 ? text + fmt::format(", other {:.0f} %", share(other)) : text;
}

size_t Timers::find(char const* name, Phase phase) {
  for (size_t i = 0; i < timers_.size(); ++i) {
    if (timers_[i].name == name && timers_[i].phase == phase) {
      return i;
    }
  }
  timers_.push_back({.name = name, .phase = phase});
  return timers_.size() - 1;
}

void Timers::add_to(size_t timer, double seconds) {
  timers_[timer].seconds += seconds;
  ++timers_[timer].calls;
}

PhaseSeconds Timers::phases() const {
  PhaseSeconds sums;
  for (auto const& timer : timers_) {
    (timer.phase == Phase::data            ? sums.data
     : timer.phase == Phase::compute       ? sums.compute
     : timer.phase == Phase::communication ? sums.communication
                                           : sums.other) += timer.seconds;
  }
  return sums;
}

std::string Timers::report() const {
  std::string text;
  for (auto const& timer : timers_) {
    auto const each = 1e3 * timer.seconds / static_cast<double>(std::max<int64_t>(1, timer.calls));
    text += fmt::format("{:<24} {:<13} {:9.3f} s {:8} calls {:10.3f} ms each\n",
                        timer.name,
                        name_of(timer.phase),
                        timer.seconds,
                        timer.calls,
                        each);
  }
  return text;
}

}  // namespace eddyline
