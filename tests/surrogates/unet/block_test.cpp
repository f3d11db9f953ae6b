#include "surrogates/unet/block.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/random.hpp"
#include "tests/numbers.hpp"

namespace eddyline {
namespace {

void randomise(torch::nn::Module const& module) {
  at::NoGradGuard const no_grad;
  uint64_t seed = 1;
  for (auto const& parameter : module.parameters()) {
    parameter.copy_(numbers(parameter.sizes().vec(), seed++) * 0.5);
  }
}

/// The block as the paper draws it, nothing folded. \param x (B, C, H, W)
at::Tensor written_out(ConvNextBlock const& block, at::Tensor const& x) {
  auto const channels = x.size(1);
  auto y = at::conv2d(x, block.dwconv->weight, block.dwconv->bias, 1, 3, 1, channels);
  y = y.permute({0, 2, 3, 1});
  y = (y - y.mean(-1, true)) / (y.var(-1, false).unsqueeze(-1) + 1e-6).sqrt();
  y = y * block.norm->weight + block.norm->bias;
  y = at::gelu(at::matmul(y, block.pwconv1->weight.t()) + block.pwconv1->bias);
  y = at::matmul(y, block.pwconv2->weight.t()) + block.pwconv2->bias;
  return x + (block.gamma * y).permute({0, 3, 1, 2});
}

TEST(ConvNextBlock, IsTheFormulaOfThePaper) {
  ConvNextBlock const block(5, {{}, {}});
  randomise(block);
  auto const x = numbers({2, 5, 8, 9}, 20);
  auto const expected = written_out(block, x);
  EXPECT_TRUE(at::allclose(block.forward(x, {}), expected, 1e-4, 1e-5));
  EXPECT_TRUE(at::allclose(block.forward(channels_last(x), {}), expected, 1e-4, 1e-5));
}

TEST(ConvNextBlock, StartsCloseToTheIdentity) {
  ConvNextBlock const block(4, std::vector<ConvolvedAxis>(1));
  EXPECT_TRUE(at::equal(block.gamma, at::full({4}, 1e-6)));
}

TEST(ConvNextBlock, HasUpstreamsKeysInItsOrder) {
  ConvNextBlock const block(3, {{}, {}, {}});
  EXPECT_EQ(block.named_parameters().keys(),
            (std::vector<std::string>{"gamma",
                                      "dwconv.weight",
                                      "dwconv.bias",
                                      "norm.weight",
                                      "norm.bias",
                                      "pwconv1.weight",
                                      "pwconv1.bias",
                                      "pwconv2.weight",
                                      "pwconv2.bias"}));
  EXPECT_EQ(block.dwconv->weight.sizes().vec(), (std::vector<int64_t>{3, 1, 7, 7, 7}));
  EXPECT_EQ(block.pwconv1->weight.sizes().vec(), (std::vector<int64_t>{12, 3}));
}

TEST(UnetStage, JoinsASkipAsAConvolutionOfBothWould) {
  UnetStage const stage({.channels = 3,
                         .blocks = 0,
                         .axes = {{.grid_axis = 1}, {.grid_axis = 2}},
                         .skip = UnetStage::Skip::joined});
  randomise(stage);
  auto const p = stage.named_parameters();
  auto const x = numbers({2, 3, 4, 5}, 20), skip = numbers({2, 3, 4, 5}, 21);
  auto const expected =
      at::conv2d(at::cat({x, skip}, 1), p["skip_proj.weight"], p["skip_proj.bias"]);
  EXPECT_TRUE(at::allclose(stage.forward(x, skip, {}), expected, 1e-5, 1e-5));
}

TEST(UnetStage, MixesBeforeItGoesToTheNextLevel) {
  UnetStage const stage({.channels = 3,
                         .blocks = 2,
                         .axes = {{}},
                         .resample = Resample::Shape{.in = 3, .out = 6, .factor = {2}}});
  EXPECT_EQ(stage.named_parameters().keys().front(), "resample.block.0.weight");
  auto const x = numbers({2, 3, 8}, 20);
  EXPECT_EQ(stage.forward(x, {}, {}).sizes().vec(), (std::vector<int64_t>{2, 6, 4}));
}

}  // namespace
}  // namespace eddyline
