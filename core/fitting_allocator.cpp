#include "core/fitting_allocator.hpp"

#include <sys/resource.h>

#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>

namespace eddyline {
namespace {

bool is_limited(decltype(RLIMIT_AS) resource) {
  rlimit limit{};
  return getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

/// Less would leave too much of its last page empty.
constexpr size_t kLeastInPages = size_t{64} << 10;

void* place_for(size_t bytes) {
  auto* const place = bytes >= kLeastInPages ? tensor_pages().take(bytes) : nullptr;
  return place != nullptr ? place : c10::alloc_cpu(bytes);
}

void give_back(void* place) {
  if (place != nullptr) {
    c10::profiledCPUMemoryReporter().Delete(place);
    if (!tensor_pages().free(place)) {
      c10::free_cpu(place);
    }
  }
}

}  // namespace

PageHeap& tensor_pages() {
  // Never destroyed: tensors of the end of a process are freed into it. Where addresses are limited
  // nothing is kept from the rest of the process: MPI-IO waits for ever if it gets no memory.
  static auto& pages = is_limited(RLIMIT_AS) || is_limited(RLIMIT_DATA)
                           ? *new PageHeap(/*piece=*/1, FreePages::given_back)
                           : *new PageHeap(kMemoryPiece);
  return pages;
}

c10::DataPtr FittingAllocator::allocate(size_t bytes) {
  auto* const place = place_for(bytes);
  c10::profiledCPUMemoryReporter().New(place, bytes);
  return {place, place, &give_back, c10::Device(c10::DeviceType::CPU)};
}

c10::DeleterFnPtr FittingAllocator::raw_deleter() const {
  return &give_back;
}

void FittingAllocator::copy_data(void* to, void const* from, size_t bytes) const {
  default_copy_data(to, from, bytes);
}

}  // namespace eddyline
