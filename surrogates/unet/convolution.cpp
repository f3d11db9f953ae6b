#include "surrogates/unet/convolution.hpp"

#include <ATen/ATen.h>

#include "data/sharding/coarse_parts.hpp"
#include "surrogates/layers/convolution.hpp"

namespace eddyline {
at::Tensor channels_last(at::Tensor const& x) {
  switch (x.dim()) {
    case 4:
      return x.contiguous(at::MemoryFormat::ChannelsLast);
    case 5:
      return x.contiguous(at::MemoryFormat::ChannelsLast3d);
    default:
      return x;
  }
}

Convolution::Convolution(Shape const& shape) : groups_(shape.groups) {
  std::vector<int64_t> sizes = {shape.out, shape.in / shape.groups};
  sizes.insert(sizes.end(), shape.kernel.begin(), shape.kernel.end());
  weight = register_parameter("weight", at::zeros(sizes));
  bias = register_parameter("bias", at::zeros({shape.out}));
}

at::Tensor Convolution::same(at::Tensor const& x,
                             std::vector<ConvolvedAxis> const& axes,
                             Precision precision,
                             Sharding const* sharding) const {
  auto padded = x;
  std::vector<int64_t> padding;
  for (size_t a = 0; a < axes.size(); ++a) {
    auto const axis = static_cast<int64_t>(a) + 2;
    auto const width = weight.size(axis) / 2;
    auto const parts = coarse_parts(sharding, axes[a].grid_axis, x.size(axis));
    bool const has_halo = parts.is_divided() || axes[a].border != Border::zero;
    padded = has_halo ? with_halo(padded, axis, parts, {width, width}, axes[a].border) : padded;
    padding.push_back(has_halo ? 0 : width);
  }
  return convolve(
      for_products(channels_last(padded), precision),
      weight,
      bias,
      {.stride = std::vector<int64_t>(axes.size(), 1), .padding = padding, .groups = groups_});
}

Resample::Resample(Shape const& shape) : shape_(shape) {
  std::vector<int64_t> scale = {shape.in};
  std::vector<int64_t> sizes = shape.direction == Direction::down
                                   ? std::vector{shape.out, shape.in}
                                   : std::vector{shape.in, shape.out};
  for (auto const cells : shape.factor) {
    scale.push_back(1);
    sizes.push_back(cells);
  }
  auto const block = register_module("block", std::make_shared<torch::nn::Module>());
  auto const norm = block->register_module("0", std::make_shared<torch::nn::Module>());
  scale_ = norm->register_parameter("weight", at::ones(scale));
  norm->register_buffer("bias", at::zeros(scale));
  auto const convolution = block->register_module("1", std::make_shared<torch::nn::Module>());
  weight_ = convolution->register_parameter("weight", at::zeros(sizes));
  bias_ = convolution->register_parameter("bias", at::zeros({shape.out}));
}

at::Tensor Resample::forward(at::Tensor const& x, Precision precision) const {
  constexpr double kEpsilon = 1e-6;
  bool const up = shape_.direction == Direction::up;
  auto const unit = x / at::linalg_vector_norm(x, 2, 1, true).clamp_min(kEpsilon);
  // The scale of an input channel goes into the kernel: one pass over the cells less.
  auto const weight = weight_ * scale_.unsqueeze(up ? 1 : 0);
  return convolve(for_products(unit, precision),
                  weight,
                  bias_,
                  {.stride = shape_.factor,
                   .padding = std::vector<int64_t>(shape_.factor.size(), 0),
                   .kind = up ? ConvolutionKind::transposed : ConvolutionKind::plain});
}

}  // namespace eddyline
