#pragma once

#include <string>

#include "core/memory_room.hpp"
#include "core/mesh.hpp"
#include "workflows/rehearsal/rehearsal.hpp"

namespace eddyline {

/// Cells times samples of the steps that are tried at the start of a run: a moment's work.
constexpr int64_t kTriedAtStart = int64_t{1} << 16;

/// What a run needs by steps on few cells: on `most_work` of them, or on more where the network
/// does not take so few. None if it takes only more than 16 times as many, or refuses the step.
std::optional<RankNeeds> quick_needs(Rehearsal const& rehearsal,
                                     Sharing const& sharing,
                                     int64_t most_work = kTriedAtStart);

/// The fewest ranks, up to 64, and their parallel.domain with which a rank has room: "share it out
/// over more ranks: parallel.domain=[1, 2, 2] with mpirun -np 4 needs about 0.60 GiB a rank".
/// \param room   of one rank; where the machine's memory is shared, each rank gets a machine
std::string way_out(Rehearsal const& rehearsal, Sharing const& now, MemoryRoom const& room);

/// What the message calls the run, and the key that leaves the check out.
struct CheckedRun {
  std::string run;  ///< "rollout"
  std::string key;  ///< "check_memory"
};

/// Refuses a run that a limit or the machine has no room for, before it begins. Where there may be
/// too little room the first rank tries steps on few cells while the others wait; if they fail,
/// that is logged and the run begins. Collective. \throw Failure  the same on all ranks, with the
/// estimate, the limit, and which split would fit
void check_memory(Rehearsal const& rehearsal, CheckedRun const& run, Mesh const& mesh);

}  // namespace eddyline
