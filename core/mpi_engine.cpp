#include "core/mpi_engine.hpp"

#include <algorithm>
#include <chrono>
#include <exception>

#include <ATen/core/LegacyTypeDispatch.h>

namespace eddyline {
namespace {

struct {
  std::mutex mutex;
  std::map<std::string, ProcessGroupCounters::Count> kinds;
} process_traffic;

}  // namespace

std::map<std::string, ProcessGroupCounters::Count> traffic_of_process() {
  std::lock_guard const lock(process_traffic.mutex);
  return process_traffic.kinds;
}

void forget_traffic_of_process() {
  std::lock_guard const lock(process_traffic.mutex);
  process_traffic.kinds.clear();
}

ProcessGroupCounters MpiEngine::counters() const {
  std::lock_guard const lock(mutex_);
  return counters_;
}

void MpiEngine::serve() {
  // Results are written in place, whatever autograd or inference mode their tensors were made in.
  at::AutoDispatchBelowADInplaceOrView const below_autograd;
  for (;;) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return is_closing_ || !tasks_.empty(); });
    if (tasks_.empty()) {
      return;
    }
    auto task = std::move(tasks_.front());
    tasks_.pop_front();
    is_working_ = true;
    lock.unlock();
    c10::ThreadLocalDebugInfo::_forceCurrentDebugInfo(task.observers);
    auto const start = std::chrono::steady_clock::now();
    std::exception_ptr error;
    try {
      task.action();
    } catch (...) {
      error = std::current_exception();
    }
    task.action = nullptr;  // its tensors go back to the thread that asked, which may free them now
    auto const seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    lock.lock();
    is_working_ = false;
    counters_.seconds += seconds;
    lock.unlock();
    task.work->complete(error);
  }
}

void MpiEngine::count(GroupOperation const& operation) {
  std::lock_guard const lock(mutex_);
  std::lock_guard const lock_of_process(process_traffic.mutex);
  auto const kind = std::string(TrafficKind::current());
  for (auto* count : {&counters_.operations[operation.name],
                      &counters_.kinds[kind],
                      &process_traffic.kinds[kind]}) {
    ++count->calls;
    count->bytes += operation.bytes;
    count->sent += operation.sent;
    count->largest = std::max(count->largest, operation.sent);
  }
}

c10::intrusive_ptr<c10d::Work> MpiEngine::submit(GroupOperation operation,
                                                 std::function<void()> action) {
  count(operation);
  auto work = c10::make_intrusive<MpiWork>(
      collectives.communicator().rank(), operation.type, std::move(operation.outputs));
  if (collectives.communicator().is_rehearsal()) {
    work->complete(nullptr);
    return work;
  }
  {
    std::lock_guard const lock(mutex_);
    tasks_.push_back({work, std::move(action), c10::ThreadLocalDebugInfo::current()});
  }
  wake_.notify_one();
  return work;
}

bool MpiEngine::close() {
  {
    std::lock_guard const lock(mutex_);
    is_closing_ = true;
    if (std::uncaught_exceptions() > 0 && (is_working_ || !tasks_.empty())) {
      tasks_.clear();
      return true;
    }
  }
  wake_.notify_one();
  return false;
}

}  // namespace eddyline
