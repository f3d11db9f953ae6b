#include "workflows/rehearsal/ways_to_share.hpp"

#include "core/error.hpp"

namespace eddyline {
namespace {

std::vector<int> divisors_of(int number) {
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

}  // namespace

std::vector<Sharing> ways_to_share(Rehearsal const& rehearsal, int64_t most_ranks) {
  std::vector<Sharing> ways;
  for (int ranks = 1; ranks <= most_ranks; ++ranks) {
    for (auto const d : divisors_of(ranks)) {
      for (auto const h : divisors_of(ranks / d)) {
        for (auto const w : divisors_of(ranks / d / h)) {
          if (Sharing const way{.ranks = ranks, .domain = {d, h, w}}; is_possible(rehearsal, way)) {
            ways.push_back(way);
          }
        }
      }
    }
  }
  return ways;
}

}  // namespace eddyline
