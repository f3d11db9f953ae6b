#pragma once

#include "surrogates/ifactformer/block.hpp"
#include "surrogates/registry.hpp"

namespace eddyline {

/// What enters an IFactFormer: both of its forms take the same batches on the same grids.
class IFactWindow {
 public:
  /// \throw Error  if half of model.dim is no multiple of the input channels
  IFactWindow(IFactFormerConfig const& config, SurrogateSpec const& spec);

  int64_t channels() const { return channels_; }
  CoordinateMap const& coordinates() const { return map_; }

  /// The whole grid of batch.spec, or the training grid where it has no spec.
  /// \throw Error  if the batch has other frames or channels than the network, or other cells than
  /// its grid, or than this rank's block of it
  Grid const& grid_of(Batch const& batch) const;

 private:
  int64_t history_, channels_;
  Grid grid_;
  CoordinateMap map_;
};

/// Each channel of each frame lifted alone, point by point, and its GELU.
///
/// \param window  (B, t, C, X, Y, Z)
/// \param lift    weight (d/2, 1, 1, 1), bias (d/2)
/// \return        (B, N, t·d/2)
at::Tensor lift_channels(at::Tensor const& window, IFactMap const& lift);
/// The map behind it as a matrix: weight (d, d/2, t, 1) as (d, t·d/2).
at::Tensor gather_weight(IFactMap const& gather);

}  // namespace eddyline
