#include "bench/race.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <limits>

#include <ATen/Parallel.h>

namespace eddyline::bench {
namespace {

double seconds(std::function<void()> const& action) {
  auto const start = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
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
  std::printf("%d threads; milliseconds, least of several\n%-24s %-14s %9s %9s   %6s   %s\n",
              at::get_num_threads(),
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

}  // namespace eddyline::bench
