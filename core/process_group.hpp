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
  };
  std::map<std::string, Count>
      operations;      ///< "allreduce", "broadcast", "allgather", "reduce_scatter", "alltoall", …
  double seconds = 0;  ///< that the communication thread spent in MPI

  int64_t bytes() const;
};

struct ProcessGroupOptions {
  int64_t piece_bytes = int64_t{1} << 28;  ///< longer messages are cut into such pieces
};

/// A c10d process group whose backend is MPI on a duplicate of `ranks`, so it works with
/// c10d::Reducer. Operations run in order on a thread of their own; tensors on a GPU travel through
/// the host. Collective.
///
/// Holds allreduce, broadcast, reduce, allgather, reduce_scatter, alltoall (lists and single
/// tensors), send, recv and barrier. Destroy it before the MpiSession. \throw Error  from an
/// operation with a reduction or a type that is not there, before anything is sent
c10::intrusive_ptr<c10d::ProcessGroup> make_process_group(Communicator const& ranks,
                                                          ProcessGroupOptions options = {});

/// \throw Bug  if the group was not made by make_process_group
ProcessGroupCounters counters_of(c10d::ProcessGroup const& group);

}  // namespace eddyline
