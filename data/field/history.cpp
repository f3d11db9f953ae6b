#include "data/field/history.hpp"

#include <ATen/ATen.h>

#include "core/error.hpp"

namespace eddyline {

History::History(int64_t capacity, std::shared_ptr<StateSpec const> spec)
    : capacity_(capacity), times_(static_cast<size_t>(capacity), 0.0), spec_(std::move(spec)) {
  require(capacity >= 1, "a history keeps at least one frame, not ", capacity);
}

void History::push(at::Tensor const& values, double time) {
  if (!ring_.defined()) {
    auto shape = values.sizes().vec();
    shape.insert(shape.begin() + 1, capacity_);
    ring_ = at::empty(shape, values.options());
  }
  ring_.select(1, next_).copy_(values);
  times_[static_cast<size_t>(next_)] = time;
  next_ = (next_ + 1) % capacity_;
  size_ = std::min(size_ + 1, capacity_);
}

State History::newest() const {
  require(size_ > 0, "the history is empty: give it a first frame");
  auto const slot = (next_ + capacity_ - 1) % capacity_;
  return {ring_.select(1, slot), times_[static_cast<size_t>(slot)], spec_};
}

at::Tensor History::window() const {
  require(size_ > 0, "the history is empty: give it a first frame");
  if (size_ < capacity_ || next_ == 0) {
    return ring_.slice(1, 0, size_);
  }
  return at::cat({ring_.slice(1, next_, capacity_), ring_.slice(1, 0, next_)}, 1);
}

std::vector<double> History::times() const {
  std::vector<double> ordered;
  for (int64_t i = 0; i < size_; ++i) {
    auto const slot = size_ < capacity_ ? i : (next_ + i) % capacity_;
    ordered.push_back(times_[static_cast<size_t>(slot)]);
  }
  return ordered;
}

}  // namespace eddyline
