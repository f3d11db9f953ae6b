#include "surrogates/layers/linear_map.hpp"

#include <ATen/ATen.h>

namespace eddyline {

LinearMap::LinearMap(at::Tensor const& weight, at::Tensor const& bias)
    : weight(weight.detach().to(at::kDouble)), bias(bias.detach().to(at::kDouble)) {}

LinearMap LinearMap::after(LinearMap const& first) const {
  return {at::matmul(weight, first.weight), at::mv(weight, first.bias) + bias};
}

LinearMap LinearMap::above(LinearMap const& other) const {
  return {at::cat({weight, other.weight}), at::cat({bias, other.bias})};
}

PackedLinear LinearMap::packed(at::ScalarType type, Precision precision) const {
  return {weight.to(type), bias.to(type), precision};
}

}  // namespace eddyline
