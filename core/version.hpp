#pragma once

#include <string>

namespace eddyline {

/// What this program was built from and runs with.
struct Version {
  std::string number;  ///< "0.1.0"
  std::string
      commit;  ///< short hash, "+changes" if the tree had some, "unknown" outside a repository
  std::string compiler;    ///< "GNU 12.2.0"
  std::string build_type;  ///< "Release"
  std::string torch;
  std::string mpi;  ///< of the library that is loaded
};

Version const& version();

}  // namespace eddyline
