#pragma once

#include "core/mesh.hpp"
#include "solvers/registry.hpp"

namespace eddyline {

/// How many ranks share a trajectory is what parallel.domain says; how they divide its grid is the
/// solver's own affair, by slabs where it transforms. Writes a line to the log where the two
/// differ: what is computed and written is the same.
void announce_division(Solver const& solver, Mesh const& mesh);

}  // namespace eddyline
