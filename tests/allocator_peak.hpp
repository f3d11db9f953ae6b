// How much memory of tensors lives at once on the host.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

namespace eddyline {

/// The most bytes that `action` holds of what it asks PyTorch's allocator for: what was allocated
/// before does not count, so with parameters, gradients and moments already there these are the
/// activations. It listens where PyTorch's profiler does; the backward pass runs on the same
/// thread.
template <class Action>
int64_t allocator_peak(Action action) {
  struct Listener final : c10::MemoryReportingInfoBase {
    void reportMemoryUsage(void*, int64_t bytes, size_t, size_t, c10::Device) override {
      now += bytes;  // negative when freed
      most = std::max(most, now);
    }
    bool memoryProfilingEnabled() const override { return true; }
    int64_t now = 0, most = 0;
  };
  auto const listener = std::make_shared<Listener>();
  {
    c10::DebugInfoGuard const guard(c10::DebugInfoKind::PROFILER_STATE, listener);
    action();
  }
  return listener->most;
}

}  // namespace eddyline
