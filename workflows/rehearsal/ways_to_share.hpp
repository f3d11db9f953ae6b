#pragma once

#include <vector>

#include "workflows/rehearsal/rehearsal.hpp"

namespace eddyline {

/// Every way to share the samples out over 1, 2, … `most_ranks` ranks that the grids, the network's
/// patch and the network allow; fewer ranks first.
std::vector<Sharing> ways_to_share(Rehearsal const& rehearsal, int64_t most_ranks);

}  // namespace eddyline
