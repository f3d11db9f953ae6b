#pragma once

#include <memory>
#include <string>
#include <vector>

#include "surrogates/fno/config.hpp"
#include "surrogates/fno/spectral.hpp"
#include "surrogates/layers/linear.hpp"
#include "surrogates/layers/live_axes.hpp"
#include "surrogates/layers/pass.hpp"
#include "surrogates/layers/window_channels.hpp"
#include "surrogates/registry.hpp"
#include "surrogates/surrogate.hpp"

namespace eddyline {

/// K v + W v + b; keys `spectral.weight`, `pointwise.weight`, `pointwise.bias`.
class FourierLayer final : public torch::nn::Module {
 public:
  FourierLayer(int64_t width, FourierModes const& modes);
  /// \param v  (B, width, cells)
  at::Tensor forward(at::Tensor const& v, FourierBasis const& basis, Precision precision) const;

  std::shared_ptr<SpectralConvolution> spectral;
  std::shared_ptr<Linear> pointwise;
};

/// Fourier neural operator on data of one to three axes: lifting, Fourier layers, projection.
///   stacked:  v ← σ(W_l v + K_l v + b_l) for l = 1 … L, without σ for the last;
///   implicit: v ← v + σ(W v + K v + b)/L, L times with the same layer.
/// σ is the exact GELU. Keys `lifting`, `layers.<l>`, `projection.0`, `projection.1`.
/// Sources: Li et al. 2021, arXiv 2010.08895; You et al. 2022, "Learning deep implicit Fourier
/// neural operators", arXiv 2203.08149.
class Fno final : public Surrogate {
 public:
  enum class Form { stacked, implicit };
  /// Fresh weights drawn from `seed`: spectral ones uniform on [0, 1/(in·out)), as the authors',
  /// the others of PyTorch's default distributions. \throw Error  if a key is wrong, or the grid
  /// has too few cells for the modes
  Fno(FnoConfig const& config, Form form, SurrogateSpec const& spec, uint64_t seed);

  at::Tensor predict(Batch const& batch, Context const& context) override;
  std::string config() const override { return print_config(config_); }
  int64_t history() const override { return config_.history; }
  std::array<int64_t, 3> patch() const override { return {1, 1, 1}; }

  /// The network alone, on any number of cells that holds the modes. Matrix products over channels
  /// honour the precision; sums over space are float32.
  /// \param image  (B, inputs, D, H, W)
  /// \return       (B, outputs, D, H, W)
  at::Tensor forward(at::Tensor const& image, Pass const& pass) const;

 private:
  /// Layer `number` of v, with σ and, in the implicit form, what it is added to.
  at::Tensor step(at::Tensor const& v,
                  int64_t number,
                  std::shared_ptr<FourierBasis const> const& basis,
                  Pass const& pass) const;
  at::Tensor with_coordinates(at::Tensor const& image, std::vector<AxisParts> const& lines) const;
  void initialise(uint64_t seed);

  FnoConfig config_;
  Form form_;
  WindowChannels channels_;
  LiveAxes axes_;
  FourierModes modes_;
  std::shared_ptr<Linear> lifting_;
  std::vector<std::shared_ptr<FourierLayer>> layers_;
  std::vector<std::shared_ptr<Linear>> projection_;
};

/// Lines of the registry.
SurrogateEntry fno_entry();
SurrogateEntry ifno_entry();

}  // namespace eddyline
