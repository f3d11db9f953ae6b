#include "data/sinks/paraview/rank_agreement.hpp"

#include <chrono>
#include <thread>
#include <utility>

namespace eddyline_paraview {

RankAgreement::RankAgreement(MPI_Comm ranks, double patience) : patience_(patience) {
  MPI_Comm_dup(ranks, &ranks_);
  MPI_Comm_rank(ranks_, &rank_);
  MPI_Comm_size(ranks_, &size_);
}

RankAgreement::~RankAgreement() {
  if (!is_stuck_) {
    MPI_Comm_free(&ranks_);
  }
}

/// Only a rank that has failed runs out of patience: the others may wait for a slow picture.
bool RankAgreement::all_came(MPI_Request request, bool has_failed) const {
  using Clock = std::chrono::steady_clock;
  auto const start = Clock::now();
  int done = 0;
  while (MPI_Test(&request, &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && done == 0) {
    std::chrono::duration<double> const waited = Clock::now() - start;
    if (has_failed && waited.count() > patience_) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return true;
}

std::string RankAgreement::agreed(std::string const& own) {
  static int lowest;  // lives as long as a request that may never be done
  lowest = own.empty() ? size_ : rank_;
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Iallreduce(MPI_IN_PLACE, &lowest, 1, MPI_INT, MPI_MIN, ranks_, &request);
  if (!all_came(request, !own.empty())) {
    is_stuck_ = true;
    return own;
  }
  if (lowest == size_) {
    return "";
  }
  auto const root = lowest;
  auto text = own;
  auto length = static_cast<int>(text.size());
  MPI_Bcast(&length, 1, MPI_INT, root, ranks_);
  text.resize(static_cast<size_t>(length));
  MPI_Bcast(text.data(), length, MPI_CHAR, root, ranks_);
  int is_everywhere = text == own ? 1 : 0;
  MPI_Allreduce(MPI_IN_PLACE, &is_everywhere, 1, MPI_INT, MPI_MIN, ranks_);
  return is_everywhere != 0 ? text : text + ", on rank " + std::to_string(root);
}

}  // namespace eddyline_paraview
