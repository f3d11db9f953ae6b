#include "workflows/planning/plan.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <limits>

#include "core/error.hpp"
#include "core/progress.hpp"

namespace eddyline {
namespace {

/// Of what is free, so that other programs go on.
constexpr double kUsableShare = 0.8;

/// A number of kB in a file of /proc as bytes; infinite if it is not there.
double bytes_in(char const* file, std::string const& key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(key + ":")) {
      return 1024 * std::stod(line.substr(key.size() + 1));
    }
  }
  return std::numeric_limits<double>::infinity();
}

/// Bytes that this process can still get: free memory, or what `ulimit -v` leaves.
double obtainable_bytes() {
  auto bytes = kUsableShare * bytes_in("/proc/meminfo", "MemAvailable");
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    bytes = std::min(bytes,
                     static_cast<double>(limit.rlim_cur) - bytes_in("/proc/self/status", "VmSize"));
  }
  return bytes;
}

std::vector<int> divisors(int number) {
  std::vector<int> found;
  for (int d = 1; d <= number; ++d) {
    if (number % d == 0) {
      found.push_back(d);
    }
  }
  return found;
}

bool is_possible(Rehearsal const& rehearsal, Sharing const& sharing) {
  try {
    rehearsal.check(sharing);
  } catch (Error const&) {
    return false;  // fewer patches than ranks on an axis
  }
  return sharing.to_a_sample() == 1 || rehearsal.splits_samples();
}

std::vector<Sharing> ways_to_share(Rehearsal const& rehearsal, int64_t most_ranks) {
  std::vector<Sharing> ways;
  for (int ranks = 1; ranks <= most_ranks; ++ranks) {
    for (auto const d : divisors(ranks)) {
      for (auto const h : divisors(ranks / d)) {
        for (auto const w : divisors(ranks / d / h)) {
          if (Sharing const way{.ranks = ranks, .domain = {d, h, w}}; is_possible(rehearsal, way)) {
            ways.push_back(way);
          }
        }
      }
    }
  }
  return ways;
}

/// Memory in proportion to the work, from the two largest that were tried.
double extrapolated(std::vector<std::pair<double, double>> const& tried, double work) {
  if (tried.empty()) {
    return 0;
  }
  auto const [last, bytes] = tried.back();
  auto const before =
      std::find_if(tried.rbegin(), tried.rend(), [&](auto const& one) { return one.first < last; });
  auto const slope =
      before == tried.rend() ? bytes / last : (bytes - before->second) / (last - before->first);
  return bytes + slope * (work - last);
}

std::string text_of(std::map<std::string, int64_t> const& sent) {
  std::string text;
  for (auto const& [kind, bytes] : sent) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", kind, bytes);
  }
  return text.empty() ? "nothing" : text;
}

}  // namespace

std::vector<PlanRow> plan(PlanJobConfig const& config, std::optional<double> obtainable) {
  require(config.plan.ranks >= 1, "plan.ranks is ", config.plan.ranks, "; it is >= 1");
  require(config.plan.memory >= 0, "plan.memory is ", config.plan.memory, "; it is >= 0");
  Rehearsal const rehearsal(config);
  auto const own = static_cast<double>(resident_memory());
  auto const total = bytes_in("/proc/meminfo", "MemTotal");
  std::vector<PlanRow> rows;
  for (auto const& way : ways_to_share(rehearsal, config.plan.ranks)) {
    rows.push_back({.sharing = way});
  }
  std::vector<PlanRow*> order;
  for (auto& row : rows) {
    order.push_back(&row);
  }
  std::stable_sort(order.begin(), order.end(), [&](auto const* a, auto const* b) {
    return rehearsal.cells_and_samples(a->sharing) < rehearsal.cells_and_samples(b->sharing);
  });
  std::vector<std::pair<double, double>> tried;
  Progress progress("plan", 0);
  for (size_t i = 0; i < order.size(); ++i) {
    auto& row = *order[i];
    auto const work = static_cast<double>(rehearsal.cells_and_samples(row.sharing));
    auto const expected = extrapolated(tried, work);
    row.is_taken = expected < obtainable.value_or(obtainable_bytes());
    if (row.is_taken) {
      row.needs = rehearsal.needs(row.sharing);
      tried.emplace_back(work, static_cast<double>(row.needs.tensor_bytes));
    } else {
      row.needs.tensor_bytes = static_cast<int64_t>(expected);
    }
    row.memory = own + static_cast<double>(row.needs.tensor_bytes);
    auto const allowed =
        config.plan.memory > 0 ? config.plan.memory * 0x1p30 : total / row.sharing.ranks;
    row.fits = row.memory <= allowed;
    progress.update(
        {.step = static_cast<int64_t>(i) + 1, .steps = static_cast<int64_t>(order.size())});
  }
  return rows;
}

std::string plan_table(std::vector<PlanRow> const& rows) {
  auto text = fmt::format("{:>5}  {:<10} {:>7}  {:<14} {:<5} {}\n",
                          "ranks",
                          "domain",
                          "samples",
                          "memory/rank",
                          "fits",
                          "bytes that a rank sends in a step");
  for (auto const& row : rows) {
    auto const& domain = row.sharing.domain;
    text += fmt::format("{:>5}  {:<10} {:>7}  {:<14} {:<5} {}\n",
                        row.sharing.ranks,
                        fmt::format("[{}, {}, {}]", domain[0], domain[1], domain[2]),
                        row.is_taken ? std::to_string(row.needs.samples) : "",
                        fmt::format("{}{:.3f} GiB", row.is_taken ? "" : "~ ", row.memory / 0x1p30),
                        row.fits ? "yes" : "no",
                        row.is_taken ? text_of(row.needs.sent) : "not tried: too big here");
  }
  return text;
}

}  // namespace eddyline
