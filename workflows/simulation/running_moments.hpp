#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/communicator.hpp"
#include "solvers/numerics/careful_sum.hpp"

namespace eddyline {

/// Moments of each channel over many frames, exact to rounding: squares of float32 are exact in
/// float64 and the sums carry what rounding loses, so the result does not depend on the rank count.
class RunningMoments {
 public:
  explicit RunningMoments(int64_t channels)
      : sums_(static_cast<size_t>(channels)), squares_(sums_.size()) {}

  /// Adds frames (B, C, D, H, W).
  void add(at::Tensor const& values);
  /// Moments of all ranks' values, one a channel. Collective.
  struct Result {
    std::vector<double> mean, std, rms;
  };
  Result result(Communicator const& ranks) const;

 private:
  std::vector<CarefulSum> sums_;
  std::vector<CarefulSum> squares_;
  int64_t count_ = 0;  ///< values a channel
};

}  // namespace eddyline
