#include "workflows/training/loss.hpp"

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "data/sharding/collectives.hpp"
#include "data/sharding/part_of.hpp"
#include "workflows/metrics/climax_scores.hpp"

namespace eddyline {
namespace {

/// Keeps x / variance finite on frames that are constant in space; The Well's VRMSE adds the same.
constexpr double kVarianceFloor = 1e-7;
/// Keeps the slope of a root finite where a prediction is exact, and the ratio where a truth is 0.
constexpr double kSquareFloor = 1e-30;

/// Weighted mean over all axes but the first `kept`; of samples that are split this rank's part,
/// the sum of which over the ranks is the mean.
at::Tensor mean_over(at::Tensor const& values,
                     at::Tensor const& weights,
                     int64_t kept,
                     Sharding const* sharding) {
  if (!weights.defined()) {
    auto const mean = values.flatten(kept).mean(-1);
    if (!sharding) {
      return mean;
    }
    auto const& block = sharding->block();
    auto const whole = Box{.size = block.global}.cells();
    return mean * (static_cast<double>(block.box.cells()) / static_cast<double>(whole));
  }
  auto const full = weights.expand_as(values);
  auto const counted =
      sum_over(full.flatten(kept).sum(-1), sharding ? sharding->group() : Mesh::Group());
  // A sample without a single cell that counts adds nothing instead of 0/0.
  return (values * full).flatten(kept).sum(-1) / counted.clamp_min(1e-12);
}

/// (1, H, 1), mean 1.
at::Tensor latitude_weights(Grid const& grid, at::Device device) {
  require(grid.geometry() == Geometry::lat_lon && grid.axis(1).name.starts_with("lat"),
          "train.loss.kind is mse.climax, which needs latitude on axis H; the grid is ",
          grid.describe(),
          "; use mse with train.loss.cells=volume");
  return cosine_weights(grid.axis(1).coordinates).view({1, -1, 1}).to(device, at::kFloat);
}

/// (D, 1, 1), (1, H, 1) and (1, 1, W) float64, each of mean 1; none if all cells are equal.
std::vector<at::Tensor> volume_weights(Grid const& grid, at::Device device) {
  std::vector<at::Tensor> along;
  auto const lengths = grid.cell_weights();
  for (size_t a = 0; a < 3 && !grid.has_equal_cells(); ++a) {
    std::array<int64_t, 3> shape = {1, 1, 1};
    shape[a] = -1;
    auto const line = at::tensor(lengths[a], at::kDouble);
    along.push_back((line / line.mean()).view(shape).to(device));
  }
  return along;
}

}  // namespace

Loss::Loss(LossConfig const& config, std::vector<Grid> const& output_grids, at::Device device)
    : config_(config) {
  for (auto const& grid : output_grids) {
    if (config.kind == LossKind::mse_climax) {
      weights_.push_back({grid, {latitude_weights(grid, device)}});
    } else if (config.cells == CellWeights::volume) {
      weights_.push_back({grid, volume_weights(grid, device)});
    }
  }
}

at::Tensor Loss::weights_of(Batch const& batch) const {
  if (weights_.empty()) {
    return {};
  }
  auto const* const sharding = batch.spec ? batch.spec->output_sharding().get() : nullptr;
  auto const product = [&](std::vector<at::Tensor> const& along) {
    at::Tensor weights;
    for (auto const& line : along) {
      auto const own = sharding ? part_of(line, sharding->block().box) : line;
      weights = weights.defined() ? weights * own : own;
    }
    return weights.defined() ? weights.to(at::kFloat) : weights;
  };
  if (weights_.size() == 1 || !batch.spec) {
    return product(weights_.front().along);
  }
  for (auto const& [grid, along] : weights_) {
    if (grid == batch.spec->output_grid) {
      return product(along);
    }
  }
  throw Bug(concat("no weights for the cells of ", batch.spec->output_grid.describe()));
}

at::Tensor Loss::per_sample(at::Tensor const& prediction,
                            at::Tensor const& target,
                            Batch const& batch) const {
  EDDYLINE_ENSURE(prediction.sizes() == target.sizes(),
                  "the network's output has shape (",
                  prediction.sizes().vec(),
                  "), its target (",
                  target.sizes().vec(),
                  ")");
  auto const* const sharding = batch.spec ? batch.spec->output_sharding().get() : nullptr;
  auto const mean = [&](at::Tensor const& values, at::Tensor const& weights, int64_t kept) {
    return mean_over(values, weights, kept, sharding);
  };
  auto error = prediction.to(target.scalar_type()) - target;
  auto truth = target;
  if (config_.space == LossSpace::physical) {
    auto const& scale = batch.target_norm.scale;  // (B or 1, C)
    error = error * scale.view({scale.size(0), 1, scale.size(1), 1, 1, 1});
    truth = batch.target_norm.restore(target);
  }
  if (config_.kind == LossKind::mse_climax) {  // weights are no part of the denominator
    auto const mask = batch.mask.defined() ? batch.mask.unsqueeze(1) : at::Tensor();
    return mean(error.square() * weights_of(batch), mask, 1);
  }
  auto weights =
      batch.mask.defined() ? batch.mask.unsqueeze(1) : at::Tensor();  // (B, 1, C, D, H, W)
  if (auto const cells = weights_of(batch); cells.defined()) {
    weights = weights.defined() ? weights * cells : cells;
  }
  auto const group = sharding ? sharding->group() : Mesh::Group();
  if (config_.kind == LossKind::relative_l2) {
    auto const whole = [&](at::Tensor const& values) {
      return sum_over(mean(values.square(), weights, 1), group).clamp_min(kSquareFloor);
    };
    auto const ranks = group ? group->getSize() : 1;  // each of which knows all of the loss
    return (whole(error) / whole(truth)).sqrt() / ranks;
  }
  if (config_.kind != LossKind::vmse) {
    return mean(config_.kind == LossKind::mse ? error.square() : error.abs(), weights, 1);
  }
  auto const centre = sum_over(mean(truth, weights, 3), group);
  auto const spread = truth - centre.unsqueeze(-1).unsqueeze(-1).unsqueeze(-1);
  auto const variance =
      sum_over(mean(spread.square(), weights, 3), group) + kVarianceFloor;  // (B, T, C)
  return (mean(error.square(), weights, 3) / variance).flatten(1).mean(1);
}

}  // namespace eddyline
