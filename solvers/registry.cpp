#include "solvers/registry.hpp"

#include "core/error.hpp"
#include "core/nearest.hpp"
#include "solvers/diffusion_reaction/diffusion_reaction.hpp"
#include "solvers/navier_stokes_periodic/navier_stokes_periodic.hpp"

namespace eddyline {

std::vector<SolverEntry> const& solver_registry() {
  static std::vector<SolverEntry> const entries = {
      {"diffusion_reaction",
       "PDEBench's 2-D diffusion-reaction (FitzHugh-Nagumo), RK45, (y, x) grid without flux "
       "through its edges",
       make_diffusion_reaction,
       default_diffusion_reaction},
      {"navier_stokes_periodic",
       "incompressible flow in a periodic box, 2-D or 3-D: Taylor-Green vortex and random motion, "
       "pseudo-spectral with the 2/3 rule, RK4",
       make_navier_stokes_periodic,
       default_navier_stokes_periodic},
  };
  return entries;
}

SolverEntry const& solver_entry(std::string const& name) {
  std::vector<std::string> known;
  for (auto const& entry : solver_registry()) {
    if (entry.name == name) {
      return entry;
    }
    known.push_back(entry.name);
  }
  throw Error(concat("there is no solver '", name, "'", did_you_mean(name, known)));
}

}  // namespace eddyline
