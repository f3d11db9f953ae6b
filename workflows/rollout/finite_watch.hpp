#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include <ATen/core/Tensor.h>

#include "core/mesh.hpp"

namespace eddyline {

/// The step of what did not happen: later than all.
constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

/// Watches frames for NaN and Inf without waiting for the device: the answer stays there until
/// asked.
class FiniteWatch {
 public:
  FiniteWatch() = default;
  /// Looks at values that were there at the start only.
  /// \param start  (B, T, C, D, H, W): cells that are NaN in all its frames are missing, as on
  /// land,
  ///               unless the whole channel is
  /// \param group  of the ranks that hold a block each; null: frames are whole. Collective over it
  explicit FiniteWatch(at::Tensor const& start, Mesh::Group const& group = {});
  /// Queues the check of one frame; returns at once.
  void see(int64_t step, at::Tensor const& values);
  /// The first step seen whose values are not all finite. Waits for the device.
  std::optional<int64_t> first_bad() const;

 private:
  at::Tensor missing_;    ///< (B, C, D, H, W) bool; undefined: none is
  at::Tensor first_bad_;  ///< () int64 on the device of the frames
};

}  // namespace eddyline
