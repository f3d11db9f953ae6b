#pragma once

#include <ATen/core/Tensor.h>

#include "surrogates/layers/tile_product.hpp"

namespace eddyline {

/// y = act(x Wᵀ + b) with the weights laid out once for the processor: for inference alone, without
/// gradients. On a CPU float32 and bfloat16 go through its tiles (tile_product.hpp), or where it
/// has none through oneDNN, elsewhere and in other types it is at::linear. With oneDNN, float32 is
/// twice as fast on AMD.
class PackedLinear {
 public:
  PackedLinear() = default;
  /// \param weight  (out, in), copied; \param bias  (out) or undefined
  PackedLinear(at::Tensor const& weight,
               at::Tensor const& bias,
               Precision precision = Precision::fp32);

  /// (…, in) → (…, out), float32.
  at::Tensor forward(at::Tensor const& x, Activation activation = Activation::none) const;
  /// y += x Wᵀ + b, without the tensor between.
  /// \param y  (…, out) float32, contiguous
  void add_to(at::Tensor const& y, at::Tensor const& x) const;
  bool defined() const { return outputs_ > 0; }

 private:
  at::Tensor rows_of(at::Tensor const& x) const;

  int64_t outputs_ = 0;
  TileMatrix tiles_;
  at::Tensor weight_;  ///< (out, in) where the tiles do not do it, in the type of the products
  at::Tensor packed_;  ///< the same in oneDNN's own layout; undefined where at::linear does it
  at::Tensor bias_;
};

}  // namespace eddyline
