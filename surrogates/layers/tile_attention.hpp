#pragma once

#include <ATen/core/Tensor.h>

#include "surrogates/surrogate.hpp"

namespace eddyline {

/// softmax(q kᵀ / √d) v, for inference: at::scaled_dot_product_attention, with the processor's
/// tiles (tile_product.hpp) where it has them and there are keys enough to fill them.
/// \param q  (B, heads, n, d) float32; \param k  (B, heads, m, d); \param v  (B, heads, m, d)
/// \return   (B, heads, n, d), laid out (B, n, heads, d)
at::Tensor frozen_attention(at::Tensor const& q,
                            at::Tensor const& k,
                            at::Tensor const& v,
                            Precision precision);

}  // namespace eddyline
