#pragma once

#include <memory>
#include <optional>
#include <vector>

#include <torch/nn/module.h>

#include "surrogates/layers/linear.hpp"
#include "surrogates/unet/convolution.hpp"

namespace eddyline {

/// One ConvNeXt block on x (B, C, cells of each axis):
///   x + gamma · pwconv2(GELU(pwconv1(LayerNorm(dwconv(x))))),
/// dwconv being a convolution of 7 cells an axis for each channel alone, the others maps over
/// channels through 4C.
/// Source: Liu et al. 2022, "A ConvNet for the 2020s", arXiv 2201.03545, figure 4.
class ConvNextBlock final : public torch::nn::Module {
 public:
  ConvNextBlock(int64_t channels, std::vector<ConvolvedAxis> const& axes);
  at::Tensor forward(at::Tensor const& x, Pass const& pass) const;

  at::Tensor gamma;  ///< (C), starts at 1e-6
  std::shared_ptr<Convolution> dwconv;
  std::shared_ptr<LayerNorm> norm;
  std::shared_ptr<Linear> pwconv1, pwconv2;

 private:
  std::vector<ConvolvedAxis> axes_;
};

/// What a level does: joins a skip (a 1×…×1 convolution from 2C to C channels, key `skip_proj`),
/// mixes (`blocks`), goes to the next level (`resample`).
class UnetStage final : public torch::nn::Module {
 public:
  enum class Skip { none, joined };
  struct Shape {
    int64_t channels = 1;
    int64_t blocks = 1;
    std::vector<ConvolvedAxis> axes;
    Skip skip = Skip::none;
    std::optional<Resample::Shape> resample;  ///< none: it stays on its level
  };
  explicit UnetStage(Shape const& shape);

  /// \param skip  as large as x, joined to its channels; undefined where there is none
  at::Tensor forward(at::Tensor x, at::Tensor const& skip, Pass const& pass) const;

 private:
  std::shared_ptr<Convolution> skip_proj_;
  std::shared_ptr<Resample> resample_;
  std::vector<std::shared_ptr<ConvNextBlock>> blocks_;
};

}  // namespace eddyline
