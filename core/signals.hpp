#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "core/communicator.hpp"

namespace eddyline {

/// While it lives, the named signals set a flag instead of ending the process, so that a run can
/// save at a step boundary and stop (exit code 75). One object at a time; the old handlers come
/// back at its end. Open MPI's mpirun passes SIGUSR1 and SIGTERM on, but after SIGTERM it kills its
/// ranks within seconds (odls_base_sigkill_timeout) and returns 1 itself. A file can raise it too.
class StopFlag {
 public:
  /// \param names  "TERM", "SIGUSR1", … \throw Error  naming the signal that is unknown or cannot
  /// be caught
  explicit StopFlag(std::vector<std::string> const& names = {"SIGTERM", "SIGUSR1"});
  ~StopFlag();
  StopFlag(StopFlag const&) = delete;
  StopFlag& operator=(StopFlag const&) = delete;

  /// From now on `file` raises the flag too, once it is there (`touch STOP`). It is looked for once
  /// a second at most, and removed when it is seen, so that the run goes on when it is resumed.
  /// For one rank: file systems of clusters dislike the same question from thousands.
  void watch(std::filesystem::path file);

  /// Whether a signal arrived at this rank, or its file was there.
  bool raised();
  /// What raised it on any rank: "SIGTERM", "the file STOP", or "" while nothing did. The same
  /// answer on all. Collective.
  std::string cause(Communicator const& ranks) const;

 private:
  std::filesystem::path file_;  ///< empty: none is watched
  bool saw_file_ = false;
  std::chrono::steady_clock::time_point next_look_;
};

}  // namespace eddyline
