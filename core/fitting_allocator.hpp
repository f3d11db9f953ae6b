#pragma once

#include <c10/core/Allocator.h>

namespace eddyline {

/// Memory of PyTorch's tensors on the host such that a freed tensor's place takes the next of its
/// size. PyTorch asks glibc for aligned memory, which looks for a place that is larger by the
/// alignment and so passes by the one just freed: the process grew to almost twice of what its
/// tensors need. Here a place is taken as it is if it happens to be aligned, as that of every
/// tensor before was. Reports to PyTorch's profiler as PyTorch's own allocator does.
class FittingAllocator final : public c10::Allocator {
 public:
  /// \throw c10::Error  if there is no memory
  c10::DataPtr allocate(size_t bytes) override;
  c10::DeleterFnPtr raw_deleter() const override;
  void copy_data(void* to, void const* from, size_t bytes) const override;
};

}  // namespace eddyline
