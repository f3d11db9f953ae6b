#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "surrogates/layers/pass.hpp"

namespace eddyline {

enum class ConvolutionKind { plain, transposed };

/// How a kernel goes over the cells; one number an axis.
struct ConvolutionShape {
  std::vector<int64_t> stride;
  std::vector<int64_t> padding;  ///< zeros on both sides; where transposed, cells that are cut off
  int64_t groups = 1;
  ConvolutionKind kind = ConvolutionKind::plain;
};

/// x as products of this precision take it.
at::Tensor for_products(at::Tensor const& x, Precision precision);

/// at::convolution of x (B, C, cells…) in its type; the result of bfloat16 is float32.
///
/// In bfloat16 on a processor the zeros are put around the cells, and what is cut off is computed:
/// LibTorch 2.11 (oneDNN's kernels for AVX-512 without AMX) writes beyond the gradient of weights
/// that meet nothing but padding, and gives NaN where a result is one cell wide.
at::Tensor convolve(at::Tensor const& x,
                    at::Tensor const& weight,
                    at::Tensor const& bias,
                    ConvolutionShape const& shape);

}  // namespace eddyline
