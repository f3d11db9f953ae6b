#include "surrogates/unet/block.hpp"

#include <ATen/ATen.h>

#include "surrogates/layers/recompute.hpp"

namespace eddyline {
namespace {

constexpr int64_t kDepthwiseCells = 7;
constexpr int64_t kWidening = 4;
constexpr double kNormEpsilon = 1e-6;
constexpr double kInitialGamma = 1e-6;

}  // namespace

ConvNextBlock::ConvNextBlock(int64_t channels, std::vector<ConvolvedAxis> const& axes)
    : axes_(axes) {
  gamma = register_parameter("gamma", at::full({channels}, kInitialGamma));
  dwconv = register_module("dwconv",
                           std::make_shared<Convolution>(Convolution::Shape{
                               .in = channels,
                               .out = channels,
                               .kernel = std::vector<int64_t>(axes.size(), kDepthwiseCells),
                               .groups = channels}));
  norm = register_module("norm", std::make_shared<LayerNorm>(channels, kNormEpsilon));
  pwconv1 = register_module("pwconv1", std::make_shared<Linear>(channels, kWidening * channels));
  pwconv2 = register_module("pwconv2", std::make_shared<Linear>(kWidening * channels, channels));
}

at::Tensor ConvNextBlock::forward(at::Tensor const& x, Pass const& pass) const {
  // 49 or 343 products a value are limited by memory, not by arithmetic: float32 always.
  auto const mixed = dwconv->same(x, axes_, Precision::fp32, pass.sharding.get()).movedim(1, -1);
  auto const hidden = at::gelu(pwconv1->forward(norm->forward(mixed), pass));
  // The scale of an output channel goes into the rows of the last map.
  auto const change = apply_linear(
      hidden, pwconv2->weight * gamma.unsqueeze(1), pwconv2->bias * gamma, pass.precision);
  return x + change.movedim(-1, 1);
}

UnetStage::UnetStage(Shape const& shape) {
  if (shape.skip == Skip::joined) {
    skip_proj_ = register_module("skip_proj",
                                 std::make_shared<Convolution>(Convolution::Shape{
                                     .in = 2 * shape.channels,
                                     .out = shape.channels,
                                     .kernel = std::vector<int64_t>(shape.axes.size(), 1)}));
  }
  // The order of registration is upstream's, not that of the forward pass.
  if (shape.resample) {
    resample_ = register_module("resample", std::make_shared<Resample>(*shape.resample));
  }
  auto const list = register_module("blocks", std::make_shared<torch::nn::Module>());
  for (int64_t i = 0; i < shape.blocks; ++i) {
    blocks_.push_back(list->register_module(
        std::to_string(i), std::make_shared<ConvNextBlock>(shape.channels, shape.axes)));
  }
}

at::Tensor UnetStage::forward(at::Tensor x, at::Tensor const& skip, Pass const& pass) const {
  if (skip_proj_) {
    // A map of the joined channels is the sum of two maps: nothing needs to be joined.
    auto const weights = skip_proj_->weight.flatten(1).chunk(2, 1);
    auto const own = apply_linear(x.movedim(1, -1), weights[0], skip_proj_->bias, pass.precision);
    x = (own + apply_linear(skip.movedim(1, -1), weights[1], {}, pass.precision)).movedim(-1, 1);
  }
  for (auto const& block : blocks_) {
    x = run_segment(pass, *block, {x}, [=](auto const& in) { return block->forward(in[0], pass); });
  }
  return resample_ ? resample_->forward(x, pass.precision) : x;
}

}  // namespace eddyline
