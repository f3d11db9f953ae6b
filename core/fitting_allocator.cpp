#include "core/fitting_allocator.hpp"

#include <cstdint>
#include <cstdlib>

#include <c10/core/CPUAllocator.h>
#include <c10/core/alignment.h>
#include <c10/core/impl/alloc_cpu.h>

namespace eddyline {
namespace {

/// Small tensors find places anyhow.
constexpr size_t kFittedBytes = size_t{32} << 10;

void* fitting_place(size_t bytes) {
  if (bytes >= kFittedBytes) {
    auto* const place = std::malloc(bytes);
    if (reinterpret_cast<std::uintptr_t>(place) % c10::gAlignment == 0 && place != nullptr) {
      return place;
    }
    std::free(place);
  }
  return c10::alloc_cpu(bytes);
}

void give_back(void* place) {
  if (place != nullptr) {
    c10::profiledCPUMemoryReporter().Delete(place);
    c10::free_cpu(place);
  }
}

}  // namespace

c10::DataPtr FittingAllocator::allocate(size_t bytes) {
  auto* const place = fitting_place(bytes);
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
