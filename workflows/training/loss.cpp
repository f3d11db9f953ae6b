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

/// (1, 1, 1, 1, H, 1), mean 1.
at::Tensor latitude_weights(Grid const& grid, at::Device device) {
  require(grid.geometry() == Geometry::lat_lon && grid.axis(1).name.starts_with("lat"),
          "train.loss.kind is mse.climax, which needs latitude on axis H; the grid is ",
          grid.describe(),
          "; use mse with train.loss.cells=volume");
  return cosine_weights(grid.axis(1).coordinates).view({1, 1, 1, 1, -1, 1}).to(device, at::kFloat);
}

}  // namespace

at::Tensor cell_weights(Grid const& grid, at::Device device) {
  if (grid.has_equal_cells()) {
    return {};
  }
  auto const lengths = grid.cell_weights();
  auto const as_tensor = [](std::vector<double> const& values) {
    return at::tensor(values, at::dtype(at::kDouble));
  };
  auto const weights = as_tensor(lengths[0]).view({-1, 1, 1}) *
                       as_tensor(lengths[1]).view({1, -1, 1}) *
                       as_tensor(lengths[2]).view({1, 1, -1});
  return (weights / weights.mean()).to(device, at::kFloat);
}

Loss::Loss(LossConfig const& config, std::vector<Grid> const& output_grids, at::Device device)
    : config_(config) {
  for (auto const& grid : output_grids) {
    if (config.kind == LossKind::mse_climax) {
      weights_.emplace_back(grid, latitude_weights(grid, device));
    } else if (config.cells == CellWeights::volume) {
      auto const weights = cell_weights(grid, device);
      weights_.emplace_back(
          grid, weights.defined() ? weights.unsqueeze(0).unsqueeze(0).unsqueeze(0) : weights);
    }
  }
}

at::Tensor Loss::weights_of(Batch const& batch) const {
  if (weights_.empty()) {
    return {};
  }
  auto const* const sharding = batch.spec ? batch.spec->output_sharding().get() : nullptr;
  auto const own = [&](at::Tensor const& weights) {
    return sharding && weights.defined() ? part_of(weights, sharding->block().box) : weights;
  };
  if (weights_.size() == 1 || !batch.spec) {
    return own(weights_.front().second);
  }
  for (auto const& [grid, weights] : weights_) {
    if (grid == batch.spec->output_grid) {
      return own(weights);
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
