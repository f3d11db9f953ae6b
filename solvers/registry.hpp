#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/communicator.hpp"
#include "data/field/stepper.hpp"

namespace eddyline {

/// A solver ready to run: the stepper, what its states mean, and how to start trajectories.
class Solver : public Stepper {
 public:
  /// Fields, grid, this rank's block and the time unit.
  virtual std::shared_ptr<StateSpec const> spec() const = 0;
  /// Initial states (B, C, D, H, W) of this rank's block, one a seed.
  virtual State initial(std::vector<uint64_t> const& seeds) = 0;
  /// Constant scalars of the equation, by name: written with the data.
  virtual std::map<std::string, double> parameters() const = 0;
};

/// One line of the table: all that other code knows of a solver.
struct SolverEntry {
  std::string name;
  std::string summary;
  /// Makes it on the ranks of `communicator`, split by blocks. \throw Error naming the wrong key
  std::unique_ptr<Solver> (*make)(std::string const& yaml, Communicator const& communicator);
  std::string (*default_config)();
};

std::vector<SolverEntry> const& solver_registry();
/// \throw Error  naming the known ones, the nearest first
SolverEntry const& solver_entry(std::string const& name);

}  // namespace eddyline
