#include "solvers/registry.hpp"

#include "core/error.hpp"
#include "core/nearest.hpp"

namespace eddyline {

std::vector<SolverEntry> const& solver_registry() {
  static std::vector<SolverEntry> const entries = {};
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
