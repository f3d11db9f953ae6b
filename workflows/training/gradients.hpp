#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/communicator.hpp"
#include "workflows/training/adamw.hpp"

namespace eddyline {

/// Euclidean norm of all gradients together, 0-dim float32, on their device.
at::Tensor gradient_norm(std::vector<at::Tensor> const& gradients);

/// Multiplies the gradients by min(1, limit / (norm + 1e-6)), without reading anything back; the
/// rule of PyTorch's clip_grad_norm_.
void clip_gradients(std::vector<at::Tensor> const& gradients, at::Tensor const& norm, double limit);

/// When a backward pass talks to the other ranks.
enum class Reduce {
  later,  ///< gradients add up on this rank: not the last part of an accumulated batch
  now,    ///< afterwards every rank holds the sum over the ranks
};

/// Backward pass whose gradients are summed over the data ranks, in flat buckets that travel while
/// the rest is still computed. A parameter that no rank used keeps the gradient None; ranks that
/// did not use one that others used count as zero. The order of sums depends on the ranks only:
/// buckets are laid out once and never rebuilt, so that a resumed run repeats the unbroken one bit
/// for bit. Source: Li et al. 2020, "PyTorch distributed: experiences on accelerating data parallel
/// training".
class GradientReducer {
 public:
  /// \param bucket_bytes  size at which a bucket is closed
  GradientReducer(std::vector<TrainedParameter> const& parameters,
                  Communicator const& ranks,
                  int64_t bucket_bytes);
  ~GradientReducer();

  /// Differentiates this rank's part of the loss: already divided by what the whole batch counts,
  /// so that the sum over ranks is the loss. A rank without samples passes an undefined tensor.
  /// Collective for Reduce::now.
  void backward(at::Tensor const& loss, Reduce reduce);
  /// Numbers in each bucket as it travelled in the last backward pass, before the first as it is
  /// laid out; empty on a single rank.
  std::vector<int64_t> bucket_sizes() const;
  /// Seconds that backward passes have waited for messages when nothing was left to compute.
  double waited_seconds() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;  ///< null on a single rank
};

}  // namespace eddyline
