#include "bench/race.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <limits>
#include <memory>

#include <ATen/Parallel.h>
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

namespace eddyline::bench {
namespace {

bool counts_processor_time() {
  return at::get_num_threads() == 1;
}

double now() {
  timespec time{};
  clock_gettime(counts_processor_time() ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double seconds(std::function<void()> const& action) {
  auto const start = now();
  action();
  return now() - start;
}

/// Sums what the allocator reports.
class MemoryCount final : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void* /*pointer*/,
                         int64_t bytes,
                         size_t /*total_allocated*/,
                         size_t /*total_reserved*/,
                         c10::Device /*device*/) override {
    held_ += bytes;
    peak_ = std::max(peak_, held_);
  }
  bool memoryProfilingEnabled() const override { return true; }
  int64_t peak() const { return peak_; }
  void forget_peak() { peak_ = 0; }

 private:
  int64_t held_ = 0, peak_ = 0;
};

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
  std::printf("%d threads; milliseconds of %s, least of several\n%-24s %-14s %9s %9s   %6s   %s\n",
              at::get_num_threads(),
              counts_processor_time() ? "processor time" : "wall time",
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

void report_quoted(char const* name, char const* what, double plain_seconds, double quoted) {
  if (quoted > 0) {
    std::printf("%-24s %-14s plain is %.2f of the %.0f ms quoted for the authors' code\n",
                name,
                what,
                1e3 * plain_seconds / quoted,
                quoted);
    std::fflush(stdout);
  }
}

int64_t peak_memory(std::function<void()> const& action) {
  auto const count = std::make_shared<MemoryCount>();
  c10::DebugInfoGuard const guard(c10::DebugInfoKind::PROFILER_STATE, count);
  action();
  count->forget_peak();
  action();
  return count->peak();
}

void report_memory(char const* name, char const* what, int64_t plain, int64_t ours) {
  std::printf("%-24s %-14s %9.1f %9.1f   %5.2fx   MB at most\n",
              name,
              what,
              1e-6 * static_cast<double>(plain),
              1e-6 * static_cast<double>(ours),
              static_cast<double>(plain) / static_cast<double>(ours));
  std::fflush(stdout);
}

}  // namespace eddyline::bench
