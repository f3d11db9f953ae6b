#pragma once

#include <vector>

#include "data/field/state.hpp"

namespace eddyline {

/// The last `capacity` frames of a run, on the device: a ring, so that a long rollout needs
/// constant memory and pushing moves one frame only.
class History {
 public:
  /// \param capacity  frames kept, >= 1
  History(int64_t capacity, std::shared_ptr<StateSpec const> spec);

  /// Copies `state.values` (B, C, D, H, W) into the oldest slot.
  void push(at::Tensor const& values, double time);
  /// Frames held, at most the capacity.
  int64_t size() const { return size_; }
  int64_t capacity() const { return capacity_; }
  bool is_full() const { return size_ == capacity_; }
  /// The newest frame, a view (B, C, D, H, W).
  State newest() const;
  /// All frames held, oldest first: (B, T, C, D, H, W). A view when the ring has not wrapped, else
  /// a copy.
  at::Tensor window() const;
  /// Times of those frames.
  std::vector<double> times() const;
  std::shared_ptr<StateSpec const> const& spec() const { return spec_; }

 private:
  int64_t capacity_;
  int64_t size_ = 0;
  int64_t next_ = 0;  ///< slot that the next push fills
  at::Tensor ring_;   ///< (B, capacity, C, D, H, W), made at the first push
  std::vector<double> times_;
  std::shared_ptr<StateSpec const> spec_;
};

}  // namespace eddyline
