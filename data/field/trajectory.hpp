#pragma once

#include <memory>
#include <vector>

#include "data/field/state.hpp"

namespace eddyline {

/// Frames of one series on one block.
struct Trajectory {
  at::Tensor values;          ///< (T, C, D, H, W)
  std::vector<double> times;  ///< T, in spec->time_unit
  std::shared_ptr<StateSpec const> spec;

  int64_t frames() const { return static_cast<int64_t>(times.size()); }
  /// A view of `count` frames from `first`, `stride` apart: shape (count, C, D, H, W), no copy.
  /// \throw Error  if it leaves the trajectory
  at::Tensor window(int64_t first, int64_t count, int64_t stride = 1) const;
};

}  // namespace eddyline
