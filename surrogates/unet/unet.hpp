#pragma once

#include <memory>
#include <string>
#include <vector>

#include "surrogates/layers/live_axes.hpp"
#include "surrogates/layers/window_channels.hpp"
#include "surrogates/registry.hpp"
#include "surrogates/surrogate.hpp"
#include "surrogates/unet/block.hpp"
#include "surrogates/unet/config.hpp"

namespace eddyline {

/// Values inside the network, for tests against the reference. (B, channels, cells), by key:
/// "in_proj", "encoder.0", …, "neck", "decoder.0", …
using UnetTrace = std::vector<std::pair<std::string, at::Tensor>>;

/// U-Net of ConvNeXt blocks over data of one to three axes. Parameters and buffers have the names,
/// the shapes and the order of The Well's CNextU-Net.
/// Source: Ohana et al. 2024, "The Well", arXiv 2412.00568, there "CNextU-net"; repository
/// PolymathicAI/the_well at 215f55d. After Ronneberger et al. 2015, arXiv 1505.04597, and Liu et
/// al. 2022, arXiv 2201.03545.
class Unet final : public Surrogate {
 public:
  /// Fresh weights drawn from `seed`: PyTorch's default distributions, gamma 1e-6.
  /// \throw Error  if a key is wrong or the data have no axis of more than one cell
  Unet(UnetConfig const& config, SurrogateSpec const& spec, uint64_t seed);

  at::Tensor predict(Batch const& batch, Context const& context) override;
  std::string config() const override;
  int64_t history() const override { return config_.history; }
  std::array<int64_t, 3> patch() const override { return config_.patch; }

  /// The network alone.
  /// \param image  (B, inputs, D, H, W); cells on every axis 1 or a multiple of its patch
  /// \return       (B, outputs, D, H, W)
  /// \throw Error  if the cells do not fit, naming patches that would
  at::Tensor forward(at::Tensor const& image, Pass const& pass, UnetTrace* trace = nullptr) const;

  UnetConfig const& settings() const { return config_; }

 private:
  void add_stages();
  void initialise(uint64_t seed);
  void check(at::Tensor const& image) const;
  std::vector<int64_t> factor(int64_t level) const;

  UnetConfig config_;
  WindowChannels channels_;
  LiveAxes axes_;
  int64_t levels_;
  std::vector<ConvolvedAxis> convolved_;
  std::shared_ptr<Convolution> in_proj_, out_proj_;
  std::vector<std::shared_ptr<UnetStage>> encoder_, decoder_;
  std::shared_ptr<UnetStage> neck_;
};

/// Line of the registry.
SurrogateEntry unet_entry();

}  // namespace eddyline
