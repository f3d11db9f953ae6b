#pragma once

#include <string>
#include <vector>

#include "core/communicator.hpp"

namespace eddyline {

/// One word that the program understands: `eddyline <name> …`.
struct Verb {
  std::string name;
  std::string summary;  ///< one line for `eddyline --help`
  /// Does it; returns the exit code. Errors are thrown.
  int (*run)(std::vector<std::string> const& arguments, Communicator const& world);
};

}  // namespace eddyline
