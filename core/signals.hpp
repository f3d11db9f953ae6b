#pragma once

#include <string>
#include <vector>

#include "core/communicator.hpp"

namespace eddyline {

/// While it lives, the named signals set a flag instead of ending the process, so that a run can
/// save at a step boundary and stop (exit code 75). One object at a time; the old handlers come
/// back at its end. Open MPI's mpirun passes SIGUSR1 and SIGTERM on, but after SIGTERM it kills its
/// ranks within seconds (odls_base_sigkill_timeout) and returns 1 itself.
class StopFlag {
 public:
  /// \param names  "TERM", "SIGUSR1", … \throw Error  naming the signal that is unknown or cannot
  /// be caught
  explicit StopFlag(std::vector<std::string> const& names = {"SIGTERM", "SIGUSR1"});
  ~StopFlag();
  StopFlag(StopFlag const&) = delete;
  StopFlag& operator=(StopFlag const&) = delete;

  /// Whether one arrived at this rank.
  bool raised() const;
  /// Whether one arrived at any rank: the same answer on all. Collective.
  bool raised_anywhere(Communicator const& ranks) const;
  /// "SIGTERM", or "" while none arrived.
  std::string signal_name() const;

 private:
  std::vector<int> signals_;
};

/// Whether a signal that a StopFlag watches arrived at this process.
bool stop_requested();

}  // namespace eddyline
