#pragma once

#include <cstdint>
#include <vector>

#include "data/sinks/rollout_sink.hpp"

namespace eddyline {

/// The steps that a trajectory can go on from: after its last closed segment, and after the one
/// before. 0: from its beginning.
struct ResumePoints {
  int64_t last = 0;
  int64_t before = 0;
};

/// Trajectories that go on together from one step on all ranks.
struct RolloutGroup {
  int64_t from = 0;
  std::vector<TrajectoryShare> shares;  ///< one a rank, some may be empty
};

/// How trajectories are dealt out.
struct Dealing {
  int64_t steps = 1;  ///< last step; trajectories that have it are done
  int64_t batch = 0;  ///< trajectories that a rank steps at once; 0: all of its own
  int ranks = 1;
};

/// Groups in the order in which they run. Ranks take contiguous trajectories and batches of them.
/// A group whose trajectories are within one segment of each other (what a kill leaves) goes on
/// from the slowest: on the same ranks its bits are those of the unbroken run. The unfinished ones
/// of other groups (the ranks or the batch were others) are dealt out anew, those of equal steps
/// together, so that none loses a segment.
std::vector<RolloutGroup> group_trajectories(std::vector<ResumePoints> const& trajectories,
                                             Dealing const& dealing);

}  // namespace eddyline
