// How much memory of tensors lives at once on the host.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

namespace eddyline {

/// Sums what PyTorch's allocator reports: bytes since it began to listen, which are negative where
/// older tensors were freed.
class MemoryCount final : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void* /*pointer*/,
                         int64_t bytes,
                         size_t /*total_allocated*/,
                         size_t /*total_reserved*/,
                         c10::Device /*device*/) override {
    std::lock_guard const lock(mutex_);  // a process group's thread frees, too
    held_ += bytes;
    most_ = std::max(most_, held_);
    least_ = std::min(least_, held_);
  }
  bool memoryProfilingEnabled() const override { return true; }
  int64_t most() const {
    std::lock_guard const lock(mutex_);
    return most_;
  }
  int64_t held() const {
    std::lock_guard const lock(mutex_);
    return held_;
  }
  int64_t span() const {
    std::lock_guard const lock(mutex_);
    return most_ - least_;
  }
  void begin_again() {
    std::lock_guard const lock(mutex_);
    most_ = least_ = held_;
  }

 private:
  mutable std::mutex mutex_;
  int64_t held_ = 0, most_ = 0, least_ = 0;
};

/// Lets `count` listen while `action` runs, where PyTorch's profiler does; the backward pass runs
/// on the same thread.
template <class Action>
void count_memory(std::shared_ptr<MemoryCount> const& count, Action action) {
  c10::DebugInfoGuard const guard(c10::DebugInfoKind::PROFILER_STATE, count);
  action();
}

/// The most bytes that `action` holds beyond what was there before: with parameters, gradients and
/// moments already there these are the activations.
template <class Action>
int64_t allocator_peak(Action action) {
  auto const count = std::make_shared<MemoryCount>();
  count_memory(count, action);
  return count->most();
}

}  // namespace eddyline
