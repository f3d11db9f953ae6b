#include "surrogates/layers/packed_attention.hpp"

#include <ATen/ATen.h>

namespace eddyline {

PackedAttention::PackedAttention(int64_t dim) {
  in_proj_weight = register_parameter("in_proj_weight", at::zeros({3 * dim, dim}));
  in_proj_bias = register_parameter("in_proj_bias", at::zeros({3 * dim}));
  out_proj = register_module("out_proj", std::make_shared<Linear>(dim, dim));
}

}  // namespace eddyline
