#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include "core/communicator.hpp"

namespace eddyline {

/// The trained values as one row of numbers of which every rank updates an equal part, so that it
/// keeps moments of that part alone. The cut may run through a parameter: what is updated element
/// by element does not care. Source: Rajbhandari et al. 2020, "ZeRO: memory optimizations toward
/// training trillion parameter models", stage 1.
class OptimiserShards {
 public:
  /// Moves the values, whose handles stay, into one storage in the order of the row. Collective.
  /// \param values  leaves of one type on one device, not empty
  OptimiserShards(std::vector<at::Tensor> const& values, Communicator const& ranks);

  /// What this rank updates of a tensor of the same shape as value `i`: a flat view, possibly of no
  /// numbers. The tensor must be contiguous, or it is a copy.
  at::Tensor own(size_t i, at::Tensor const& whole) const;

  /// Gives every rank what the others have updated. Collective.
  void exchange() const;
  /// Tensors of which every rank has own() parts, whole on the host of rank 0; nothing on others.
  /// Collective.
  /// \param parts  one a value, on any device
  std::vector<at::Tensor> collect(std::vector<at::Tensor> const& parts) const;

 private:
  std::vector<std::vector<int64_t>> shapes_;
  std::vector<int64_t> begins_;  ///< of each value in the row, and the end of the last
  int64_t share_;                ///< numbers a rank has; the last may have fewer
  int rank_, ranks_;
  at::Tensor row_;  ///< share_ × ranks numbers: all values and padding
  c10::intrusive_ptr<c10d::ProcessGroup> group_;
};

}  // namespace eddyline
