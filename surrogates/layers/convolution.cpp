#include "surrogates/layers/convolution.hpp"

#include <algorithm>

#include <ATen/ATen.h>

namespace eddyline {
namespace {

/// With that many zeros on both sides of each axis of cells.
at::Tensor padded(at::Tensor const& x, std::vector<int64_t> const& padding) {
  if (std::ranges::all_of(padding, [](int64_t cells) { return cells == 0; })) {
    return x;
  }
  std::vector<int64_t> sides;
  for (auto axis = padding.rbegin(); axis != padding.rend(); ++axis) {
    sides.insert(sides.end(), 2, *axis);
  }
  return at::constant_pad_nd(x, sides);
}

/// Without that many cells on both sides of each axis.
at::Tensor cropped(at::Tensor y, std::vector<int64_t> const& padding) {
  for (size_t a = 0; a < padding.size(); ++a) {
    auto const axis = static_cast<int64_t>(a) + 2;
    y = y.narrow(axis, padding[a], y.size(axis) - 2 * padding[a]);
  }
  return y;
}

}  // namespace

at::Tensor for_products(at::Tensor const& x, Precision precision) {
  return precision == Precision::fp32 ? x : x.to(at::kBFloat16);
}

at::Tensor convolve(at::Tensor const& x,
                    at::Tensor const& weight,
                    at::Tensor const& bias,
                    ConvolutionShape const& shape) {
  bool const transposed = shape.kind == ConvolutionKind::transposed;
  std::vector<int64_t> const ones(shape.stride.size(), 1), none(shape.stride.size(), 0);
  auto const type = x.scalar_type();
  auto const apply = [&](at::Tensor const& cells, std::vector<int64_t> const& padding) {
    return at::convolution(cells,
                           weight.to(type),
                           bias.to(type),
                           shape.stride,
                           padding,
                           ones,
                           transposed,
                           none,
                           shape.groups);
  };
  if (type != at::kBFloat16) {
    return apply(x, shape.padding);
  }
  if (!x.is_cpu()) {
    return apply(x, shape.padding).to(at::kFloat);
  }
  auto const y =
      transposed ? cropped(apply(x, none), shape.padding) : apply(padded(x, shape.padding), none);
  return y.to(at::kFloat);
}

}  // namespace eddyline
