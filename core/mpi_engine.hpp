#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include <c10/util/ThreadLocalDebugInfo.h>

#include "core/mpi_collectives.hpp"
#include "core/mpi_work.hpp"
#include "core/process_group.hpp"

namespace eddyline {

/// What an operation of a process group is called, and what it moves.
struct GroupOperation {
  c10d::OpType type;
  char const* name;
  int64_t bytes;  ///< handed over
  int64_t sent;   ///< ProcessGroupCounters::Count::sent
  std::vector<at::Tensor> outputs;
};

/// The thread on which MPI works for a process group, in the order of the calls, and what it
/// counts.
class MpiEngine {
 public:
  explicit MpiEngine(MpiCollectives made) : collectives(std::move(made)) {}

  MpiCollectives const collectives;

  /// The thread: takes what is queued until the engine is closed.
  void serve();
  /// Counts the operation and queues what it does; a rehearsal only counts.
  c10::intrusive_ptr<c10d::Work> submit(GroupOperation operation, std::function<void()> action);
  void count(GroupOperation const& operation);
  ProcessGroupCounters counters() const;
  /// No more operations come. \return  whether some are left that may never finish, since an error
  /// unwinds: they are dropped, and serve() may hang in the one it works on
  bool close();

 private:
  struct Task {
    c10::intrusive_ptr<MpiWork> work;
    std::function<void()> action;
    /// Of the thread that asked, so that a count of its memory sees what is freed on this one.
    std::shared_ptr<c10::ThreadLocalDebugInfo> observers;
  };

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;
  bool is_working_ = false;
  bool is_closing_ = false;
  ProcessGroupCounters counters_;
};

}  // namespace eddyline
