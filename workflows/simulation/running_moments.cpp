#include "workflows/simulation/running_moments.hpp"

#include <cmath>

#include <ATen/ATen.h>

namespace eddyline {

void RunningMoments::add(at::Tensor const& values) {
  auto const frames = values.to(at::kCPU, at::kDouble).contiguous();
  if (frames.numel() == 0) {
    return;
  }
  auto const cells = frames.numel() / frames.size(0) / frames.size(1);
  auto const* value = frames.const_data_ptr<double>();
  for (int64_t b = 0; b < frames.size(0); ++b) {
    for (size_t channel = 0; channel < sums_.size(); ++channel) {
      for (int64_t i = 0; i < cells; ++i, ++value) {
        sums_[channel].add(*value);
        squares_[channel].add(*value * *value);
      }
    }
  }
  count_ += frames.size(0) * cells;
}

RunningMoments::Result RunningMoments::result(Communicator const& ranks) const {
  Result result;
  auto const count = static_cast<double>(ranks.all_reduce(count_));
  for (size_t channel = 0; channel < sums_.size(); ++channel) {
    double const mean = sum_over_ranks(sums_[channel], ranks) / count;
    double const square = sum_over_ranks(squares_[channel], ranks) / count;
    result.mean.push_back(mean);
    result.std.push_back(std::sqrt(std::max(0.0, square - mean * mean)));
    result.rms.push_back(std::sqrt(square));
  }
  return result;
}

}  // namespace eddyline
