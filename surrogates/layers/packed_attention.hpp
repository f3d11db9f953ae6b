#pragma once

#include <torch/nn/module.h>

#include "surrogates/layers/linear.hpp"

namespace eddyline {

/// The projections of a multi-head attention with the keys of torch.nn.MultiheadAttention:
/// `in_proj_weight` (3E, E) and `in_proj_bias` (3E) with rows q, k, v, and `out_proj`.
class PackedAttention final : public torch::nn::Module {
 public:
  explicit PackedAttention(int64_t dim);

  at::Tensor in_proj_weight, in_proj_bias;
  std::shared_ptr<Linear> out_proj;
};

}  // namespace eddyline
