#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include "core/communicator.hpp"

namespace eddyline {

/// What went over a process group since it was made, counted on this rank.
struct ProcessGroupCounters {
  struct Count {
    int64_t calls = 0;
    int64_t bytes = 0;  ///< of the tensors that this rank handed over
    /// Bytes that left this rank, where an operation needs the fewest: of n bytes on P ranks
    /// 2n(P−1)/P for an allreduce, n(P−1) for an allgather, n(P−1)/P for a reduce_scatter, all but
    /// this rank's own part for an alltoall. An MPI may choose forms that send more.
    int64_t sent = 0;
    int64_t largest = 0;  ///< of `sent`, in one call
  };
  /// "allreduce", "broadcast", "allgather", "reduce_scatter", "alltoall", …
  std::map<std::string, Count> operations;
  /// The same by what it was for: see TrafficKind; "other" without one.
  std::map<std::string, Count> kinds;
  double seconds = 0;  ///< that the communication thread spent in MPI

  int64_t bytes() const;
};

/// While it lives, what this thread hands to process groups is counted under `kind` ("attention",
/// "halo", …); the innermost one counts.
class TrafficKind {
 public:
  /// \param kind  outlives the object: a literal
  explicit TrafficKind(char const* kind);
  ~TrafficKind();
  TrafficKind(TrafficKind const&) = delete;
  TrafficKind& operator=(TrafficKind const&) = delete;

  static char const* current();

 private:
  char const* before_;
};

struct ProcessGroupOptions {
  int64_t piece_bytes = int64_t{1} << 28;  ///< longer messages are cut into such pieces
};

/// A c10d process group whose backend is MPI on a duplicate of `ranks`, so it works with
/// c10d::Reducer. Operations run in order on a thread of their own. Tensors on a GPU travel by NCCL
/// where this build has it (EDDYLINE_NCCL) and no two ranks share a GPU, else through the host; the
/// first operation on them is one that all ranks begin. Collective.
///
/// Holds allreduce, broadcast, reduce, allgather, reduce_scatter, alltoall (lists and single
/// tensors), send, recv and barrier. Destroy it before the MpiSession. \throw Error  from an
/// operation with a reduction or a type that is not there, before anything is sent
c10::intrusive_ptr<c10d::ProcessGroup> make_process_group(Communicator const& ranks,
                                                          ProcessGroupOptions options = {});

/// What all process groups of this process have handed over since it began or last forgot, by kind.
std::map<std::string, ProcessGroupCounters::Count> traffic_of_process();
void forget_traffic_of_process();

/// \throw Bug  if the group was not made by make_process_group
ProcessGroupCounters counters_of(c10d::ProcessGroup const& group);

}  // namespace eddyline
