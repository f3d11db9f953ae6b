#include "workflows/rehearsal/ways_to_share.hpp"

#include "core/error.hpp"
#include "core/rank_boxes.hpp"

namespace eddyline {
namespace {

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
    for (auto const& box : boxes_dividing(ranks)) {
      if (Sharing const way{.ranks = ranks, .domain = box}; is_possible(rehearsal, way)) {
        ways.push_back(way);
      }
    }
  }
  return ways;
}

}  // namespace eddyline
