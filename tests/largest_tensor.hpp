// The largest single tensor of a piece of work.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

namespace eddyline {

/// Bytes of the largest single tensor that the allocator was asked for by this thread and by those
/// that work for it.
template <class Action>
int64_t largest_tensor(Action action) {
  struct Listener final : c10::MemoryReportingInfoBase {
    void reportMemoryUsage(void*, int64_t bytes, size_t, size_t, c10::Device) override {
      auto before = most.load();
      while (before < bytes && !most.compare_exchange_weak(before, bytes)) {
      }
    }
    bool memoryProfilingEnabled() const override { return true; }
    std::atomic<int64_t> most = 0;
  };
  auto const listener = std::make_shared<Listener>();
  {
    c10::DebugInfoGuard const guard(c10::DebugInfoKind::PROFILER_STATE, listener);
    action();
  }
  return listener->most;
}

}  // namespace eddyline
