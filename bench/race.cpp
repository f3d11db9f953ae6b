#include "bench/race.hpp"

#include <time.h>

#include <algorithm>
#include <cstdio>
#include <limits>

#include <ATen/Parallel.h>

namespace eddyline::bench {
namespace {

/// Time that this process had a processor where it has one thread, which others on the machine
/// change least; else time that passed.
double now() {
  timespec time{};
  clock_gettime(at::get_num_threads() == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double seconds(std::function<void()> const& action) {
  auto const start = now();
  action();
  return now() - start;
}

}  // namespace

std::pair<double, double> race(std::function<void()> const& a,
                               std::function<void()> const& b,
                               int rounds) {
  std::pair<double, double> best = {std::numeric_limits<double>::max(),
                                    std::numeric_limits<double>::max()};
  for (int i = 0; i < rounds; ++i) {
    best.first = std::min(best.first, seconds(a));
    best.second = std::min(best.second, seconds(b));
  }
  return best;
}

void print_heading() {
  std::printf("%d threads; milliseconds%s, least of several\n%-24s %-14s %9s %9s   %6s   %s\n",
              at::get_num_threads(),
              at::get_num_threads() == 1 ? " of processor time" : "",
              "case",
              "",
              "plain",
              "ours",
              "ratio",
              "difference");
}

void report(char const* name,
            char const* what,
            std::pair<double, double> times,
            double difference) {
  std::printf("%-24s %-14s %9.2f %9.2f   %5.2fx   %.1e\n",
              name,
              what,
              1e3 * times.first,
              1e3 * times.second,
              times.first / times.second,
              difference);
  std::fflush(stdout);
}

void report_memory(char const* name, char const* what, std::pair<double, double> bytes) {
  constexpr double kMebibyte = 1 << 20;
  std::printf("%-24s %-14s %9.1f %9.1f   %5.2fx   MiB at the peak\n",
              name,
              what,
              bytes.first / kMebibyte,
              bytes.second / kMebibyte,
              bytes.first / bytes.second);
}

void report_quoted(char const* name, char const* what, char const* where, double milliseconds) {
  std::printf("%-24s %-14s %9.2f   of the reference on %s\n", name, what, milliseconds, where);
}

}  // namespace eddyline::bench
