#include "bench/allocation.hpp"

#include <atomic>

#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>

namespace eddyline::bench {
namespace {

std::atomic<int64_t> live = 0;
std::atomic<int64_t> most = 0;

constexpr size_t kHeader = 64;  // before the data, which keep their alignment: the size

void release(void* data) {
  if (data == nullptr) {
    return;
  }
  auto* const whole = static_cast<char*>(data) - kHeader;
  live -= *reinterpret_cast<int64_t const*>(whole);
  c10::free_cpu(whole);
}

/// LibTorch's own memory, whose size it remembers.
class Counting final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    c10::Device const host(c10::kCPU);
    if (bytes == 0) {
      return {nullptr, nullptr, &release, host};
    }
    auto* const whole = static_cast<char*>(c10::alloc_cpu(bytes + kHeader));
    *reinterpret_cast<int64_t*>(whole) = static_cast<int64_t>(bytes);
    auto const now = live += static_cast<int64_t>(bytes);
    for (auto seen = most.load(); now > seen && !most.compare_exchange_weak(seen, now);) {
    }
    auto* const data = whole + kHeader;
    return {data, data, &release, host};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, void const* from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }
};

}  // namespace

void count_allocations() {
  static Counting counting;
  c10::SetCPUAllocator(&counting, 1);
}

double peak_bytes(std::function<void()> const& action) {
  auto const before = live.load();
  most = before;
  action();
  return static_cast<double>(most.load() - before);
}

}  // namespace eddyline::bench
