#pragma once

#include <memory>

#include "core/communicator.hpp"

namespace eddyline {

enum class Answer { no, yes };

/// A question to all ranks whose answer comes later, so that none waits for the others meanwhile:
/// whether to stop, asked at a step and known at the next. The group must outlive it.
class Vote {
 public:
  explicit Vote(Communicator const& ranks) : ranks_(ranks) {}
  /// One that is open stays so: a rank that fails alone must not wait for the others.
  ~Vote();
  Vote(Vote const&) = delete;
  Vote& operator=(Vote const&) = delete;

  /// Gives the answer of this rank; none may be open. Collective, does not wait.
  void open(Answer own);
  /// \return  whether any rank said yes; false if none is open. Collective, waits for the others
  bool close();

 private:
  struct Open {
    int answer = 0;
    MPI_Request request = MPI_REQUEST_NULL;
  };
  Communicator const& ranks_;
  std::unique_ptr<Open> open_;
};

}  // namespace eddyline
