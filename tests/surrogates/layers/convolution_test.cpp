#include "surrogates/layers/convolution.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

struct Gradients {
  at::Tensor y, of_x, of_weight, of_bias;
};

Gradients gradients_of(at::Tensor const& x,
                       at::Tensor const& weight,
                       ConvolutionShape const& shape,
                       Precision precision) {
  auto const leaf = [](at::Tensor const& values) {
    return values.detach().clone().set_requires_grad(true);
  };
  auto const outputs = shape.kind == ConvolutionKind::transposed ? weight.size(1) : weight.size(0);
  auto const cells = leaf(x), kernel = leaf(weight), bias = leaf(at::linspace(-1, 1, outputs));
  auto const y = convolve(for_products(cells, precision), kernel, bias, shape);
  (y * (1.5 + at::sin(at::arange(y.numel(), at::kFloat).view(y.sizes())))).sum().backward();
  return {y.detach(), cells.grad(), kernel.grad(), bias.grad()};
}

void expect_near(at::Tensor const& half, at::Tensor const& full) {
  ASSERT_EQ(half.scalar_type(), at::kFloat);
  ASSERT_EQ(half.sizes(), full.sizes());
  constexpr double kHalf = 0.03;  // numbers of 8 bits, of the largest
  EXPECT_LE((half - full).abs().max().item<double>(), kHalf * full.abs().max().item<double>());
}

/// Kernels of `along` cells, over few cells of which some numbers meet nothing but padding.
void expect_near_in_bfloat16(at::Tensor const& x,
                             at::Tensor const& weight,
                             ConvolutionShape const& shape) {
  SCOPED_TRACE(concat(x.sizes(), " by ", weight.sizes()));
  for (auto const format : {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast3d}) {
    auto const cells = x.contiguous(format);
    auto const full = gradients_of(cells, weight, shape, Precision::fp32);
    auto const half = gradients_of(cells, weight, shape, Precision::bf16);
    expect_near(half.y, full.y);
    expect_near(half.of_x, full.of_x);
    expect_near(half.of_weight, full.of_weight);
    expect_near(half.of_bias, full.of_bias);
  }
}

TEST(Convolve, HasTheGradientsOfFloat32AlsoWhereWeightsMeetOnlyPadding) {
  at::manual_seed(1);
  for (auto const& cells :
       {std::vector<int64_t>{3, 1, 2}, {1, 1, 1}, {4, 2, 1}, {3, 4, 5}, {2, 9, 8}}) {
    auto const x = at::randn({2, 8, cells[0], cells[1], cells[2]});
    expect_near_in_bfloat16(
        x, 0.1 * at::randn({16, 8, 3, 3, 3}), {.stride = {1, 1, 1}, .padding = {1, 1, 1}});
    expect_near_in_bfloat16(
        x, 0.1 * at::randn({4, 8, 5, 8, 6}), {.stride = {1, 2, 4}, .padding = {2, 4, 4}});
    expect_near_in_bfloat16(x,
                            0.1 * at::randn({8, 1, 7, 7, 7}),
                            {.stride = {1, 1, 1}, .padding = {3, 3, 3}, .groups = 8});
    expect_near_in_bfloat16(
        x,
        0.1 * at::randn({8, 2, 7, 18, 14}),
        {.stride = {1, 8, 4}, .padding = {3, 5, 5}, .kind = ConvolutionKind::transposed});
  }
}

TEST(Convolve, IsLibTorchsInOtherTypes) {
  at::manual_seed(1);
  auto const x = at::randn({2, 3, 5, 4}, at::kDouble), bias = at::randn({4}, at::kDouble);
  auto const weight = at::randn({4, 3, 3, 3}, at::kDouble);
  auto const turned = at::randn({3, 4, 3, 3}, at::kDouble);
  EXPECT_TRUE(at::equal(convolve(x, weight, bias, {.stride = {2, 1}, .padding = {1, 0}}),
                        at::conv2d(x, weight, bias, {2, 1}, {1, 0})));
  EXPECT_TRUE(at::equal(
      convolve(x,
               turned,
               bias,
               {.stride = {2, 1}, .padding = {1, 0}, .kind = ConvolutionKind::transposed}),
      at::conv_transpose2d(x, turned, bias, {2, 1}, {1, 0})));
}

}  // namespace
}  // namespace eddyline
