#pragma once

#include <ATen/core/Tensor.h>

#include "surrogates/surrogate.hpp"

namespace eddyline {

/// What follows a matrix product, computed with it.
enum class Activation { none, gelu };  ///< gelu: the exact one, x Φ(x)

/// What a product does besides multiplying.
struct TileEnd {
  at::Tensor bias = {};  ///< (n) float32, or undefined
  Activation activation = Activation::none;
  enum class Into {
    fresh,
    onto
  } into = Into::fresh;  ///< onto: y is added to, before the activation
};

/// Whether this processor multiplies bfloat16 tiles (Intel's AMX) and the system lets us.
bool has_tiles();

/// The right-hand factor W of y = x Wᵀ, laid out for the tiles; for inference alone.
///
/// fp32: every number is split into three of bfloat16, 3 × 8 bits of the 24, and of their nine
/// products the six that float32 can see are summed in float32. That is as exact as a product in
/// float32 but for numbers below 1e-33, whose last bits are lost, and infinite ones, which give
/// NaN; it takes less than half of the time. bf16: the first of the three alone.
/// Source: Henry, Tang & Heinecke 2019, "Leveraging the bfloat16 artificial intelligence datatype
/// for higher-precision computations", arXiv 1904.06376, section III.
class TileMatrix {
 public:
  TileMatrix() = default;
  /// \param weight  (n, k) float32 on the host, any strides; copied
  TileMatrix(at::Tensor const& weight, Precision precision);

  bool defined() const { return packed_.defined(); }
  /// y = act(x Wᵀ + bias), or of y + x Wᵀ + bias; the same bit by bit on any number of threads.
  /// \param x  (m, k) float32, contiguous in k
  /// \param y  (m, n) float32, contiguous in n; receives the result
  void multiply(at::Tensor const& x, at::Tensor const& y, TileEnd const& end) const;

 private:
  at::Tensor packed_;  ///< tiles of 16 columns × 32 of k: (columns, steps, pieces, 512) bfloat16
  int64_t columns_ = 0, depth_ = 0;
};

}  // namespace eddyline
