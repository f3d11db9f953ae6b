#include "solvers/registry.hpp"

#include "core/error.hpp"
#include "core/nearest.hpp"
#include "solvers/diffusion_reaction/diffusion_reaction.hpp"

namespace eddyline {

std::vector<SolverEntry> const& solver_registry() {
  static std::vector<SolverEntry> const entries = {
      {"diffusion_reaction",
       "PDEBench's 2-D diffusion-reaction (FitzHugh-Nagumo), RK45, (y, x) grid without flux "
       "through its edges",
       make_diffusion_reaction,
       default_diffusion_reaction},
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
