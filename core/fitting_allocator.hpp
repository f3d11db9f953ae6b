#pragma once

#include <c10/core/Allocator.h>

#include "core/page_heap.hpp"

namespace eddyline {

/// Memory comes from the system in pieces of so many bytes: the last may stay half empty.
constexpr size_t kMemoryPiece = size_t{16} << 20;

/// Memory of PyTorch's tensors on the host such that freed places are used again: large tensors lie
/// in pages of their own (tensor_pages). PyTorch asks glibc for aligned memory, which passes by
/// places that are too short by the alignment, and its heap keeps them apart by what is small: the
/// process grew to almost twice of what its tensors need. Reports to PyTorch's profiler as
/// PyTorch's own allocator does.
class FittingAllocator final : public c10::Allocator {
 public:
  /// \throw c10::Error  if there is no memory
  c10::DataPtr allocate(size_t bytes) override;
  c10::DeleterFnPtr raw_deleter() const override;
  void copy_data(void* to, void const* from, size_t bytes) const override;
};

/// Pages in which it puts large tensors.
PageHeap& tensor_pages();

}  // namespace eddyline
