#include "bench/race.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "bench/profile.hpp"
#include "core/communicator.hpp"
#include "core/device.hpp"
#include "core/memory_count.hpp"

namespace eddyline::bench {
namespace {

bool takes_profiles = false;
std::string profiles;  // of the newest race
at::Device where = at::kCPU;
int64_t asked_samples = 0;  // 0: a case's own

bool counts_processor_time() {
  return where.is_cpu() && at::get_num_threads() == 1;
}

double now() {
  timespec time{};
  clock_gettime(counts_processor_time() ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double seconds(std::function<void()> const& action) {
  auto const start = now();
  action();
  if (!where.is_cpu()) {
    c10::impl::VirtualGuardImpl(where.type()).synchronizeDevice(where.index());
  }
  return now() - start;
}

}  // namespace

void read_options(int& argc, char** argv) {
  constexpr std::string_view kBatch = "--batch=";
  auto** const end = std::remove_if(argv + 1, argv + argc, [&](char const* text) {
    std::string_view const word = text;
    if (word == "--device=cuda") {
      open_cuda_library();
      static MpiSession const mpi(argc, argv);  // which finds the GPU of a rank
      where = choose_device(DeviceKind::cuda, Communicator::self());
    }
    takes_profiles = takes_profiles || word == "--profile";
    if (word.starts_with(kBatch)) {
      asked_samples = std::atoll(text + kBatch.size());
    }
    return word == "--device=cuda" || word == "--profile" || word.starts_with(kBatch);
  });
  argc = static_cast<int>(end - argv);
}

at::Device device() {
  return where;
}

int64_t batch_size(int64_t of_case) {
  return asked_samples > 0 ? asked_samples : of_case;
}

at::Tensor random_samples(std::vector<int64_t> shape) {
  shape[0] = batch_size(shape[0]);
  return at::randn(shape).to(where);
}

std::pair<double, double> race(std::function<void()> const& a,
                               std::function<void()> const& b,
                               int rounds) {
  std::pair<double, double> best = {std::numeric_limits<double>::max(),
                                    std::numeric_limits<double>::max()};
  for (int i = 0; i < rounds; ++i) {
    best.first = std::min(best.first, seconds(a));
    best.second = std::min(best.second, seconds(b));
  }
  profiles = takes_profiles ? "  plain:\n" + profile_of(a) + "  ours:\n" + profile_of(b) : "";
  return best;
}

void print_heading() {
  std::printf("%s; milliseconds of %s, least of several\n%-24s %-14s %9s %9s   %6s   %s\n",
              where.is_cpu() ? (std::to_string(at::get_num_threads()) + " threads").c_str()
                             : where.str().c_str(),
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
  std::fputs(profiles.c_str(), stdout);
  std::fflush(stdout);
}

void report_quoted(char const* name, char const* what, double plain_seconds, double quoted) {
  if (quoted > 0 && where.is_cpu() && asked_samples == 0) {
    std::printf("%-24s %-14s plain is %.2f of the %.0f ms quoted for the authors' code\n",
                name,
                what,
                1e3 * plain_seconds / quoted,
                quoted);
    std::fflush(stdout);
  }
}

void report_recompute(char const* name,
                      std::function<void()> const& keeps,
                      std::function<void()> const& recomputes,
                      int rounds) {
  auto const times = race(keeps, recomputes, rounds);
  std::printf("%-24s %-14s %9.2f %9.2f   %5.2f of the step that keeps activations\n",
              name,
              "recompute",
              1e3 * times.first,
              1e3 * times.second,
              times.second / times.first);
  std::fputs(profiles.c_str(), stdout);
  std::fflush(stdout);
}

int64_t peak_memory(std::function<void()> const& action) {
  if (!where.is_cpu()) {
    return 0;
  }
  auto const count = std::make_shared<MemoryCount>();
  count_memory(count, [&] {
    action();
    count->begin_again();
    action();
  });
  return count->span();
}

void report_memory(char const* name, char const* what, int64_t plain, int64_t ours) {
  if (ours == 0) {
    return;
  }
  std::printf("%-24s %-14s %9.1f %9.1f   %5.2fx   MB at most\n",
              name,
              what,
              1e-6 * static_cast<double>(plain),
              1e-6 * static_cast<double>(ours),
              static_cast<double>(plain) / static_cast<double>(ours));
  std::fflush(stdout);
}

}  // namespace eddyline::bench
