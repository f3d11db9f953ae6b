#pragma once

#include <vector>

#include <ATen/ATen.h>

#include "workflows/metrics/metric.hpp"

namespace eddyline::testing_metrics {

/// A smooth case whose values numpy repeats, beside what is usual in each cell:
///   y = sin(0.7 h + 0.3 w + b) + c cos(0.9 w - 0.2 h b) / 2,  p = y + 0.1 cos(1.1 h w + b + 2 c) +
///   0.02 (c + 1)
inline Comparison known_case() {
  auto const axis = [](int64_t size, int64_t position) {
    std::vector<int64_t> shape(5, 1);
    shape[static_cast<size_t>(position)] = size;
    return at::arange(size, at::kDouble).view(shape);
  };
  auto const b = axis(3, 0), c = axis(2, 1), h = axis(6, 3), w = axis(8, 4);
  auto const y = at::sin(0.7 * h + 0.3 * w + b) + 0.5 * c * at::cos(0.9 * w - 0.2 * h * b);
  auto const p = y + 0.1 * at::cos(1.1 * h * w + b + 2 * c) + 0.02 * (c + 1);
  return {p, y, {}, {0, 1, 2}, (0.5 * at::sin(0.4 * h * w + c)).expand_as(y)};
}

/// Samples [first, last) of a comparison.
inline Comparison part(Comparison const& whole, int64_t first, int64_t last) {
  return {whole.prediction.slice(0, first, last),
          whole.target.slice(0, first, last),
          whole.mask,
          {whole.trajectories.begin() + first, whole.trajectories.begin() + last},
          whole.climatology.slice(0, first, last)};
}

}  // namespace eddyline::testing_metrics
