#include "workflows/rollout/solver_division.hpp"

#include "core/log.hpp"

namespace eddyline {

void announce_division(Solver const& solver, Mesh const& mesh) {
  auto const& own = solver.spec()->block.parts;
  auto const& asked = mesh.parts();
  if (own == asked) {
    return;
  }
  log_line("parallel.domain is [",
           std::vector<int>(asked.begin(), asked.end()),
           "]; the ",
           mesh.domain().size(),
           " ranks of a trajectory divide the grid of '",
           solver.name(),
           "' by [",
           std::vector<int>(own.begin(), own.end()),
           "], as the solver does");
}

}  // namespace eddyline
