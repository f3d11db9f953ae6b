#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "surrogates/ifactformer/block.hpp"
#include "surrogates/ifactformer/config.hpp"
#include "surrogates/ifactformer/coordinates.hpp"
#include "surrogates/ifactformer/window.hpp"
#include "surrogates/registry.hpp"
#include "surrogates/surrogate.hpp"

namespace eddyline {

/// Values inside the network, for tests against the reference; of the first block where one has
/// them.
struct IFactFormerTrace {
  at::Tensor lifted;                  ///< (B, N, d)
  at::Tensor position;                ///< (N, d)
  std::array<at::Tensor, 3> kernels;  ///< (B, h, n, n), of the first iteration
  at::Tensor first_block;             ///< (B, N, d): its result in the first iteration
  at::Tensor encoded;                 ///< (B, N, d): after all blocks
};

/// Implicit factorised transformer for turbulence on regular grids: from a window of frames to the
/// next one. The input is lifted point by point; each block adds Fourier features of the cells'
/// places and is then applied n_layer times, u ← u + B(u)/n_layer; a point-wise layer projects.
/// Parameters have the names, shapes and order of upstream's; `_B` of the Fourier features, which
/// does not learn, is a buffer.
/// Source: arXiv 2412.18840 (IFactFormer-m); repository huiyu-2002/IFactFormer-m.
class IFactFormer final : public Surrogate {
 public:
  /// Fresh weights drawn from `seed`: Xavier uniform of gain 0.02 for queries and keys, PyTorch's
  /// defaults for the rest, normal numbers of deviation 8 for `_B`.
  /// \throw Error  if a key is wrong, or half of dim is no multiple of the input channels
  IFactFormer(IFactFormerConfig const& config, SurrogateSpec const& spec, uint64_t seed);

  /// Coordinates are those of batch.spec's grid, or of the training grid where it has no spec.
  at::Tensor predict(Batch const& batch, Context const& context) override;
  std::unique_ptr<FrozenSurrogate const> freeze(Precision precision) const override;
  std::string config() const override;
  int64_t history() const override { return config_.history; }
  std::array<int64_t, 3> patch() const override { return {1, 1, 1}; }

  /// The network alone.
  /// \param window       (B, t, C, X, Y, Z), with pass.sharding this rank's block
  /// \param coordinates  of the whole grid, of the type and on the device of the window
  /// \return             (B, C_out, X, Y, Z)
  at::Tensor forward(at::Tensor const& window,
                     AxisCoordinates const& coordinates,
                     Pass const& pass,
                     IFactFormerTrace* trace = nullptr) const;

  IFactFormerConfig const& settings() const { return config_; }

  /// The point-wise maps before and behind the encoder.
  struct Ends {
    std::shared_ptr<IFactMap> lift, gather, narrow, out;
  };
  /// Layer `l` of the encoder.
  struct Layer {
    at::Tensor directions;  ///< `_B` (3, d/2)
    std::shared_ptr<Linear> positions;
    std::shared_ptr<IFactBlock> block;
  };
  /// Its parts, for the frozen form.
  IFactWindow const& window() const { return window_; }
  Ends const& ends() const { return ends_; }
  std::vector<Layer> const& layers() const { return layers_; }

 private:
  at::Tensor lift(at::Tensor const& window, Pass const& pass) const;
  at::Tensor project(at::Tensor const& u, Pass const& pass) const;
  AxisCoordinates const& coordinates_for(Batch const& batch);
  void initialise(uint64_t seed);

  IFactFormerConfig config_;
  IFactWindow window_;
  Grid grid_;  ///< of coordinates_
  AxisCoordinates coordinates_;
  Ends ends_;
  std::vector<Layer> layers_;
};

/// Line of the registry.
SurrogateEntry ifactformer_entry();

}  // namespace eddyline
