#include "workflows/rollout/grouping.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>

namespace eddyline {
namespace {

using Round = std::vector<TrajectoryShare>;

/// Each rank takes contiguous ones of `numbers`, and in each round the next batch of its own.
std::vector<Round> deal_out(std::vector<int64_t> const& numbers, Dealing const& dealing) {
  auto const count = static_cast<int64_t>(numbers.size());
  auto const most = (count + dealing.ranks - 1) / dealing.ranks;
  auto const batch = dealing.batch > 0 ? std::min(dealing.batch, most) : most;
  std::vector<Round> rounds;
  for (int64_t done = 0; done < most; done += batch) {
    auto& round = rounds.emplace_back();
    for (int64_t rank = 0; rank < dealing.ranks; ++rank) {
      auto const end = count * (rank + 1) / dealing.ranks;
      auto const first = std::min(count * rank / dealing.ranks + done, end);
      auto const last = std::min(first + batch, end);
      round.emplace_back(std::vector<int64_t>(numbers.begin() + first, numbers.begin() + last));
    }
  }
  return rounds;
}

std::vector<int64_t> numbers_of(Round const& round) {
  std::vector<int64_t> numbers;
  for (auto const& share : round) {
    for (int64_t i = 0; i < share.count(); ++i) {
      numbers.push_back(share[i]);
    }
  }
  return numbers;
}

}  // namespace

std::vector<RolloutGroup> group_trajectories(std::vector<ResumePoints> const& trajectories,
                                             Dealing const& dealing) {
  std::vector<int64_t> all(trajectories.size());
  std::iota(all.begin(), all.end(), 0);
  std::vector<RolloutGroup> groups;
  std::map<int64_t, std::vector<int64_t>> anew;  // step → trajectories
  for (auto const& round : deal_out(all, dealing)) {
    auto const numbers = numbers_of(round);
    auto slowest = std::numeric_limits<int64_t>::max();
    for (auto const number : numbers) {
      slowest = std::min(slowest, trajectories[static_cast<size_t>(number)].last);
    }
    if (slowest >= dealing.steps) {
      continue;
    }
    if (std::all_of(numbers.begin(), numbers.end(), [&](int64_t number) {
          auto const& points = trajectories[static_cast<size_t>(number)];
          return points.last == slowest || points.before == slowest;
        })) {
      groups.push_back({slowest, round});
      continue;
    }
    for (auto const number : numbers) {
      auto const last = trajectories[static_cast<size_t>(number)].last;
      if (last < dealing.steps) {
        anew[last].push_back(number);
      }
    }
  }
  for (auto const& [step, numbers] : anew) {
    for (auto& round : deal_out(numbers, dealing)) {
      groups.push_back({step, std::move(round)});
    }
  }
  return groups;
}

}  // namespace eddyline
