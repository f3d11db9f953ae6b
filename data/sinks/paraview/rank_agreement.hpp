#pragma once

#include <string>

#include <mpi.h>

namespace eddyline_paraview {

/// How ranks tell each other of a script's error before they draw together, so that none waits
/// inside ParaView for one that has failed.
class RankAgreement {
 public:
  /// Collective. \param patience  seconds that a rank with an error waits for the others
  RankAgreement(MPI_Comm ranks, double patience);
  RankAgreement(RankAgreement const&) = delete;
  RankAgreement& operator=(RankAgreement const&) = delete;
  ~RankAgreement();

  /// Collective, but for ranks that are stuck.
  /// \param own  this rank's error, "" without one
  /// \return     the error of the lowest rank that has one, on all ranks, naming that rank unless
  ///             all have the same; "" without one
  std::string agreed(std::string const& own);
  /// This rank has failed and the others did not come: they wait for it inside ParaView.
  bool is_stuck() const { return is_stuck_; }

 private:
  bool all_came(MPI_Request request, bool has_failed) const;

  MPI_Comm ranks_ = MPI_COMM_NULL;
  double patience_;
  int rank_ = 0, size_ = 1;
  bool is_stuck_ = false;
};

}  // namespace eddyline_paraview
