#pragma once

#include <array>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/config.hpp"
#include "data/batch.hpp"
#include "data/pipeline/statistics.hpp"

namespace eddyline {

enum class LossKind { mse, mae, vmse, relative_l2, mse_climax };
enum class LossSpace { normalised, physical };

template <>
struct EnumNames<LossKind> {
  static constexpr auto names =
      std::to_array<std::pair<LossKind, char const*>>({{LossKind::mse, "mse"},
                                                       {LossKind::mae, "mae"},
                                                       {LossKind::vmse, "vmse"},
                                                       {LossKind::relative_l2, "relative_l2"},
                                                       {LossKind::mse_climax, "mse.climax"}});
};
template <>
struct EnumNames<LossSpace> {
  static constexpr auto names = std::to_array<std::pair<LossSpace, char const*>>(
      {{LossSpace::normalised, "normalised"}, {LossSpace::physical, "physical"}});
};

/// What training minimises; the defaults are MORPH's.
struct LossConfig {
  LossKind kind = LossKind::mse;
  LossSpace space = LossSpace::normalised;
  CellWeights cells = CellWeights::equal;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("kind",
      kind,
      "mse, mae; vmse: squared error over the variance in space of each frame and channel; "
      "relative_l2: |p - y|/|y|, norms over all values of a sample, as IFactFormer in physical "
      "space; or "
      "mse.climax: squared error times cos(latitude) over its mean, whatever 'cells' says");
    v("space", space, "normalised, or physical: units of the data");
    v("cells", cells, "equal, or volume: cells weigh by their volume (area on lat-lon grids)");
  }
};

/// Distance of a prediction from the truth, one number a sample. The loss of a batch is the mean
/// over its samples, so that it does not depend on how samples are dealt to ranks; inside a sample
/// it is the weighted mean over frames, channels and the cells that the mask lets count.
class Loss {
 public:
  Loss(LossConfig const& config, Grid const& output_grid, at::Device device)
      : Loss(config, std::vector<Grid>{output_grid}, device) {}
  /// Of data on several grids: a batch's is told by its spec.
  /// \throw Error  for mse.climax, if a grid has no latitude on axis H
  Loss(LossConfig const& config, std::vector<Grid> const& output_grids, at::Device device);

  /// \param prediction  (B, T, C, D, H, W), normalised by batch.target_norm
  /// \param target      same shape and space; T may be fewer frames than the batch's
  /// \return            (B); of samples that are split this rank's parts, whose sum over the ranks
  ///                    is the loss. Collective over them
  at::Tensor per_sample(at::Tensor const& prediction,
                        at::Tensor const& target,
                        Batch const& batch) const;

 private:
  /// Weights of a grid's cells over their mean: products of what stands along its axes, (D, 1, 1),
  /// (1, H, 1), (1, 1, W), so that no rank holds those of all cells. None where all are equal.
  struct AxisWeights {
    Grid grid;
    std::vector<at::Tensor> along;
  };

  /// Of this rank's cells of this batch, (D, H, W) or 1 on axes that do not matter; undefined where
  /// all weigh the same.
  at::Tensor weights_of(Batch const& batch) const;

  LossConfig config_;
  std::vector<AxisWeights> weights_;
};

}  // namespace eddyline
