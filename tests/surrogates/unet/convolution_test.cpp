#include "surrogates/unet/convolution.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/random.hpp"
#include "tests/numbers.hpp"

namespace eddyline {
namespace {

constexpr ConvolvedAxis kWrapped{.border = Border::periodic};

void randomise(torch::nn::Module const& module) {
  at::NoGradGuard const no_grad;
  uint64_t seed = 1;
  for (auto const& parameter : module.parameters()) {
    parameter.copy_(numbers(parameter.sizes().vec(), seed++));
  }
}

bool close(at::Tensor const& a, at::Tensor const& b) {
  return a.sizes() == b.sizes() && at::allclose(a, b, 1e-5, 1e-5);
}

TEST(Convolution, SeesZerosBeyondTheBorders) {
  Convolution const convolution({.in = 2, .out = 3, .kernel = {3, 3}});
  randomise(convolution);
  auto const x = numbers({2, 2, 4, 5}, 9);
  EXPECT_TRUE(close(convolution.same(x, {{}, {}}, Precision::fp32),
                    at::conv2d(x, convolution.weight, convolution.bias, 1, 1)));
}

TEST(Convolution, WrapsAnAxisAsOftenAsItsKernelReaches) {
  Convolution const convolution({.in = 4, .out = 4, .kernel = {7}, .groups = 4});
  randomise(convolution);
  for (int64_t const cells : {1, 2, 5, 9}) {
    auto const x = numbers({2, 4, cells}, 9);
    auto expected = convolution.bias.view({1, 4, 1}).expand({2, 4, cells}).clone();
    for (int64_t i = 0; i < cells; ++i) {
      for (int64_t k = 0; k < 7; ++k) {
        auto const from = ((i + k - 3) % cells + cells) % cells;
        expected.select(2, i) += convolution.weight.select(2, k).view({1, 4}) * x.select(2, from);
      }
    }
    EXPECT_TRUE(close(convolution.same(x, {kWrapped}, Precision::fp32), expected)) << cells;
  }
}

TEST(Convolution, TreatsEachAxisByItsOwnBorder) {
  Convolution const convolution({.in = 2, .out = 2, .kernel = {3, 3, 3}});
  randomise(convolution);
  auto const x = numbers({1, 2, 4, 3, 5}, 9);
  auto const wrapped = at::cat({x.narrow(3, 2, 1), x, x.narrow(3, 0, 1)}, 3);
  EXPECT_TRUE(close(convolution.same(x, {{}, kWrapped, {}}, Precision::fp32),
                    at::conv3d(wrapped, convolution.weight, convolution.bias, 1, {1, 0, 1})));
}

TEST(Convolution, IsBfloat16WithFloat32ResultWhereAsked) {
  Convolution const convolution({.in = 2, .out = 3, .kernel = {3, 3}});
  randomise(convolution);
  auto const x = numbers({1, 2, 6, 5}, 9);
  std::vector<ConvolvedAxis> const axes = {{.grid_axis = 1}, {.grid_axis = 2}};
  auto const exact = convolution.same(x, axes, Precision::fp32);
  auto const rough = convolution.same(x, axes, Precision::bf16);
  EXPECT_EQ(rough.scalar_type(), at::kFloat);
  EXPECT_FALSE(at::equal(rough, exact));
  EXPECT_TRUE(at::allclose(rough, exact, 0.05, 0.1));  // 8 bits of mantissa, sums of 18
}

TEST(Resample, DividesByTheNormOverChannelsThenHalvesTheCells) {
  Resample const down({.in = 3, .out = 2, .factor = {2, 1}});
  randomise(down);
  auto const p = down.named_parameters();
  auto const x = numbers({2, 3, 4, 5}, 9);
  auto const unit = x / x.square().sum(1, true).sqrt();
  auto const y =
      at::conv2d(unit * p["block.0.weight"], p["block.1.weight"], p["block.1.bias"], {2, 1});
  EXPECT_TRUE(close(down.forward(x, Precision::fp32), y));
  EXPECT_EQ(y.sizes().vec(), (std::vector<int64_t>{2, 2, 2, 5}));
}

TEST(Resample, DoublesTheCellsOnTheWayUp) {
  Resample const up({.in = 4, .out = 2, .factor = {2, 2, 1}, .direction = Resample::Direction::up});
  randomise(up);
  auto const p = up.named_parameters();
  auto const x = numbers({2, 4, 2, 3, 5}, 9);
  auto const scaled = x / x.square().sum(1, true).sqrt() * p["block.0.weight"];
  auto const y = up.forward(x, Precision::fp32);
  ASSERT_EQ(y.sizes().vec(), (std::vector<int64_t>{2, 2, 4, 6, 5}));
  // Cell (d, h) above came from (d/2, h/2) through the kernel's (d mod 2, h mod 2).
  for (int64_t const d : {0, 3}) {
    for (int64_t const h : {1, 4}) {
      auto const kernel = p["block.1.weight"].select(2, d % 2).select(2, h % 2).select(2, 0);
      auto const expected =
          at::einsum("biw,io->bow", {scaled.select(2, d / 2).select(2, h / 2), kernel}) +
          p["block.1.bias"].view({1, 2, 1});
      EXPECT_TRUE(close(y.select(2, d).select(2, h), expected));
    }
  }
}

TEST(Resample, GivesItsBiasWhereAllChannelsAreZero) {
  Resample const down({.in = 3, .out = 2, .factor = {2}});
  randomise(down);
  auto const x = at::zeros({1, 3, 4}).requires_grad_();
  auto const y = down.forward(x, Precision::fp32);
  EXPECT_TRUE(close(y, down.named_parameters()["block.1.bias"].view({1, 2, 1}).expand({1, 2, 2})));
  y.sum().backward();
  EXPECT_TRUE(at::isfinite(x.grad()).all().item<bool>());
}

TEST(Resample, KeepsTheBiasThatUpstreamStoresAsABuffer) {
  Resample const down({.in = 3, .out = 2, .factor = {2, 2}});
  EXPECT_EQ(down.named_buffers().keys(), (std::vector<std::string>{"block.0.bias"}));
  EXPECT_EQ(down.named_buffers()["block.0.bias"].sizes().vec(), (std::vector<int64_t>{3, 1, 1}));
}

}  // namespace
}  // namespace eddyline
