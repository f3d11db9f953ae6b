#pragma once

#include <optional>

#include <ATen/core/Tensor.h>

namespace eddyline {

/// Watches frames for NaN and Inf without waiting for the device: the answer stays there until
/// asked.
class FiniteWatch {
 public:
  /// Queues the check of one frame; returns at once.
  void see(int64_t step, at::Tensor const& values);
  /// The first step seen whose values are not all finite. Waits for the device.
  std::optional<int64_t> first_bad() const;

 private:
  at::Tensor first_bad_;  ///< () int64 on the device of the frames
};

}  // namespace eddyline
