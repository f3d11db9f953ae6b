#pragma once

#include "data/sinks/rollout_sink.hpp"
#include "workflows/in_situ_watch.hpp"
#include "workflows/rollout/rollout.hpp"

namespace eddyline {

/// Has `in_situ` show the frames of a rollout of the trajectories `share` if the one to show is
/// among them. It outlives the rollout.
void watch(Rollout& rollout, TrajectoryShare const& share, InSituWatch& in_situ);

}  // namespace eddyline
