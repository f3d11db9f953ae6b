#include "workflows/training/loss.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "data/sharding/collectives.hpp"
#include "data/sharding/part_of.hpp"
#include "tests/largest_tensor.hpp"
#include "tests/workflows/training/tiny.hpp"
#include "workflows/metrics/climax_scores.hpp"

namespace eddyline {
namespace {

constexpr double kRoundOff = 1e-6;

Batch batch_of(int64_t samples) {
  at::manual_seed(1);
  Batch batch;
  batch.target = at::randn({samples, 3, 2, 1, 4, 4});
  batch.input = at::randn({samples, 1, 2, 1, 4, 4});
  batch.target_norm = {at::tensor({1.0F, -2.0F}).unsqueeze(0),
                       at::tensor({2.0F, 0.5F}).unsqueeze(0)};
  return batch;
}

TEST(Loss, MseIsTheMeanOverAllElements) {
  auto const batch = batch_of(4);
  auto const prediction = at::randn_like(batch.target);
  auto const loss = Loss({}, tiny::grid(), at::kCPU).per_sample(prediction, batch.target, batch);
  EXPECT_EQ(loss.sizes(), at::IntArrayRef({4}));
  EXPECT_NEAR(
      loss.mean().item<double>(), at::mse_loss(prediction, batch.target).item<double>(), kRoundOff);
}

TEST(Loss, InPhysicalSpaceCountsInUnitsOfTheData) {
  auto const batch = batch_of(2);
  auto const prediction = at::randn_like(batch.target);
  auto const loss = Loss({.space = LossSpace::physical}, tiny::grid(), at::kCPU)
                        .per_sample(prediction, batch.target, batch);
  auto const expected =
      at::mse_loss(batch.target_norm.restore(prediction), batch.target_norm.restore(batch.target));
  EXPECT_NEAR(loss.mean().item<double>(), expected.item<double>(), 1e-5);
}

TEST(Loss, RelativeL2IsTheRatioOfNormsOfEachSample) {
  auto const batch = batch_of(3);
  auto const prediction = at::randn_like(batch.target).requires_grad_();
  Loss const loss(
      {.kind = LossKind::relative_l2, .space = LossSpace::physical}, tiny::grid(), at::kCPU);
  auto const p = batch.target_norm.restore(prediction), y = batch.target_norm.restore(batch.target);
  auto const expected = (p - y).flatten(1).norm(2, 1) / y.flatten(1).norm(2, 1);
  EXPECT_TRUE(at::allclose(loss.per_sample(prediction, batch.target, batch), expected));
  // Of an exact prediction it is zero but for the floor, and so is its slope.
  auto const exact = batch.target.clone().requires_grad_();
  auto const none = loss.per_sample(exact, batch.target, batch).sum();
  EXPECT_LT(none.item<double>(), 1e-12);
  none.backward();
  EXPECT_TRUE(at::equal(exact.grad(), at::zeros_like(exact)));
}

TEST(Loss, LeavesMaskedCellsOut) {
  auto batch = batch_of(2);
  batch.mask = at::ones({2, 2, 1, 4, 4});
  batch.mask.select(-1, 0).zero_();
  auto prediction = batch.target + 1;
  prediction.select(-1, 0).fill_(1e6);
  auto const loss = Loss({}, tiny::grid(), at::kCPU).per_sample(prediction, batch.target, batch);
  EXPECT_NEAR(loss[0].item<double>(), 1, kRoundOff);
  batch.mask.zero_();  // nothing counts: adds nothing, and no NaN
  EXPECT_EQ(Loss({}, tiny::grid(), at::kCPU)
                .per_sample(prediction, batch.target, batch)
                .sum()
                .item<double>(),
            0);
}

TEST(Loss, WeighsCellsByVolumeWhenAsked) {
  auto axis = tiny::grid().axis(2);
  axis.boundaries = {Boundary::wall, Boundary::wall};
  axis.edges = {0, 1, 2, 3, 9};  // the last cell is six times as long
  Grid const stretched({tiny::grid().axis(1), axis});
  auto const batch = batch_of(1);
  auto prediction = batch.target.clone();
  prediction.select(-1, 3).add_(1);
  Loss const equal({}, stretched, at::kCPU);
  Loss const volume({.cells = CellWeights::volume}, stretched, at::kCPU);
  EXPECT_NEAR(equal.per_sample(prediction, batch.target, batch).item<double>(), 0.25, kRoundOff);
  EXPECT_NEAR(
      volume.per_sample(prediction, batch.target, batch).item<double>(), 6.0 / 9.0, kRoundOff);
}

TEST(Loss, OfClimaxIsItsLatitudeWeightedMse) {
  Axis const latitude{.name = "latitude", .coordinates = {-60, -20, 20, 70}};
  Axis const longitude{.name = "longitude", .coordinates = {0, 90, 180, 270}};
  Grid const globe({latitude, longitude}, Geometry::lat_lon);
  auto const batch = batch_of(2);
  auto const prediction = at::randn_like(batch.target);
  Loss const loss({.kind = LossKind::mse_climax}, globe, at::kCPU);
  auto const maps = [](at::Tensor const& values) {
    return values.squeeze(3).flatten(0, 1);  // (B·T, C, H, W)
  };
  auto const expected =
      squared_error(maps(prediction), maps(batch.target), cosine_weights(latitude.coordinates));
  EXPECT_NEAR(loss.per_sample(prediction, batch.target, batch).mean().item<double>(),
              expected.loss.item<double>(),
              kRoundOff);
  auto masked = batch;
  masked.mask = at::ones({2, 2, 1, 4, 4});
  masked.mask.select(-2, 1).zero_();
  auto const one = squared_error(maps(prediction.narrow(0, 0, 1)),
                                 maps(batch.target.narrow(0, 0, 1)),
                                 cosine_weights(latitude.coordinates),
                                 masked.mask.narrow(0, 0, 1).squeeze(2));
  EXPECT_NEAR(loss.per_sample(prediction, batch.target, masked)[0].item<double>(),
              one.loss.item<double>(),
              kRoundOff);
  EXPECT_THROW(Loss({.kind = LossKind::mse_climax}, tiny::grid(), at::kCPU), Error);
}

TEST(Loss, IsTheSumOfWhatBlocksAddOnManyRanks) {
  auto const ranks = Communicator::world();
  auto const parts = ranks.size() == 4 ? std::array<int, 3>{1, 2, 2} : std::array<int, 3>{1, 2, 1};
  Axis const latitude{.name = "latitude", .coordinates = {-60, -20, 20, 70}};
  Axis const longitude{.name = "longitude", .coordinates = {0, 90, 180, 270}};
  Grid const globe({latitude, longitude}, Geometry::lat_lon);
  auto whole = batch_of(2);
  whole.mask = at::ones({2, 2, 1, 4, 4});
  whole.mask.select(-2, 1).select(-1, 2).zero_();
  auto const prediction = at::randn_like(whole.target);
  auto block = whole;
  auto const sharding =
      std::make_shared<Sharding>(std::make_shared<Mesh>(ranks, parts), globe.shape());
  block.spec = std::make_shared<BatchSpec>(
      BatchSpec{.input_grid = globe, .output_grid = globe, .sharding = sharding});
  auto const own = [&](at::Tensor const& x) { return part_of(x, sharding->block().box); };
  block.target = own(whole.target);
  std::vector<LossConfig> configs = {{.kind = LossKind::mse_climax}};
  for (auto const kind : {LossKind::mse, LossKind::mae, LossKind::vmse, LossKind::relative_l2}) {
    configs.push_back({.kind = kind, .cells = CellWeights::volume});
  }
  for (bool const masked : {true, false}) {
    whole.mask = masked ? whole.mask : at::Tensor();
    block.mask = masked ? own(whole.mask) : at::Tensor();
    for (auto const& config : configs) {
      Loss const loss(config, globe, at::kCPU);
      auto const share = loss.per_sample(own(prediction), block.target, block);
      auto const expected = loss.per_sample(prediction, whole.target, whole);
      EXPECT_LT(
          ((sum_over(share, sharding->group()) - expected) / expected).abs().max().item<double>(),
          kRoundOff)
          << static_cast<int>(config.kind);
    }
  }
}

/// Cells of six sizes on every axis.
Grid stretched_box() {
  std::vector<Axis> axes;
  for (auto const* name : {"x", "y", "z"}) {
    Axis axis{.name = name, .coordinates = {}, .edges = {0}};
    for (int64_t i = 0; i < 12; ++i) {
      auto const size = 1.0 + static_cast<double>(i % 6);
      axis.coordinates.push_back(axis.edges.back() + size / 2);
      axis.edges.push_back(axis.edges.back() + size);
    }
    axes.push_back(axis);
  }
  return Grid(axes);
}

TEST(Loss, OfCellsByVolumeHoldsTheWeightsOfItsBlockAloneOnManyRanks) {
  auto const ranks = Communicator::world();
  auto const parts = ranks.size() == 4 ? std::array<int, 3>{1, 2, 2} : std::array<int, 3>{2, 1, 1};
  auto const grid = stretched_box();
  auto const sharding =
      std::make_shared<Sharding>(std::make_shared<Mesh>(ranks, parts), grid.shape());
  at::manual_seed(1);
  Batch whole{.target = at::randn({1, 1, 1, 12, 12, 12})};
  auto const prediction = at::randn_like(whole.target);
  auto const own = [&](at::Tensor const& x) {
    return part_of(x, sharding->block().box).contiguous();
  };
  Batch block{.target = own(whole.target)};
  block.spec = std::make_shared<BatchSpec>(
      BatchSpec{.input_grid = grid, .output_grid = grid, .sharding = sharding});
  auto const part = own(prediction);
  LossConfig const config{.cells = CellWeights::volume};
  at::Tensor share;
  auto const largest = largest_tensor(
      [&] { share = Loss(config, grid, at::kCPU).per_sample(part, block.target, block); });
  EXPECT_LE(largest, sharding->block().box.cells() * static_cast<int64_t>(sizeof(double)))
      << "products are of float64";
  auto const expected = Loss(config, grid, at::kCPU).per_sample(prediction, whole.target, whole);
  EXPECT_NEAR(
      sum_over(share, sharding->group()).item<double>(), expected.item<double>(), kRoundOff);
  // Squared errors of cells times their volumes, over all volume.
  auto const lengths = (at::arange(12, at::kDouble).remainder(6) + 1);
  auto const volumes =
      lengths.view({-1, 1, 1}) * lengths.view({1, -1, 1}) * lengths.view({1, 1, -1});
  auto const squares = (prediction - whole.target).to(at::kDouble).square();
  EXPECT_NEAR(expected.item<double>(),
              ((squares * volumes).sum() / volumes.sum()).item<double>(),
              kRoundOff);
}

TEST(Loss, VmseIsOneForThePredictionOfTheMean) {
  auto const batch = batch_of(3);
  auto const mean = batch.target.mean({3, 4, 5}, /*keepdim=*/true).expand_as(batch.target);
  auto const loss =
      Loss({.kind = LossKind::vmse}, tiny::grid(), at::kCPU).per_sample(mean, batch.target, batch);
  EXPECT_LT((loss - 1).abs().max().item<double>(), 1e-5);
}

}  // namespace
}  // namespace eddyline
