#include "core/vote.hpp"

#include "core/error.hpp"

namespace eddyline {

Vote::~Vote() {
  static_cast<void>(open_.release());  // MPI still writes into it
}

void Vote::open(Answer own) {
  EDDYLINE_ENSURE(!open_, "a vote is open");
  open_ = std::make_unique<Open>(Open{.answer = static_cast<int>(own)});
  MPI_Iallreduce(
      MPI_IN_PLACE, &open_->answer, 1, MPI_INT, MPI_MAX, ranks_.handle(), &open_->request);
}

bool Vote::close() {
  if (!open_) {
    return false;
  }
  MPI_Wait(&open_->request, MPI_STATUS_IGNORE);
  auto const closed = std::move(open_);
  return closed->answer != 0;
}

}  // namespace eddyline
