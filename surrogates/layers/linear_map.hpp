#pragma once

#include <ATen/core/Tensor.h>

#include "surrogates/layers/linear.hpp"
#include "surrogates/layers/packed_linear.hpp"

namespace eddyline {

/// y = W x + b in float64: what layers become when they are folded, before it is packed.
struct LinearMap {
  LinearMap(at::Tensor const& weight, at::Tensor const& bias);
  explicit LinearMap(Linear const& layer) : LinearMap(layer.weight, layer.bias) {}
  /// With the adaptation merged.
  explicit LinearMap(LoraLinear const& layer)
      : LinearMap(layer.merged_weight(), layer.base->bias) {}

  /// This map after `first`: W (W₁ x + b₁) + b.
  LinearMap after(LinearMap const& first) const;
  /// Rows of both below each other: two maps of one input as one product.
  LinearMap above(LinearMap const& other) const;
  /// \param type  of the inputs: products in `precision` where it is float32
  PackedLinear packed(at::ScalarType type, Precision precision) const;

  at::Tensor weight;  ///< (out, in)
  at::Tensor bias;    ///< (out)
};

}  // namespace eddyline
