#include "workflows/training/optimiser_shards.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/memory_count.hpp"
#include "workflows/training/adamw.hpp"

namespace eddyline {
namespace {

/// Leaves of 35, 1, 0 and 1000 numbers: no rank count divides their sum.
std::vector<at::Tensor> leaves() {
  at::manual_seed(3);
  std::vector<at::Tensor> values;
  for (auto const& shape : std::vector<std::vector<int64_t>>{{5, 7}, {}, {0, 3}, {10, 100}}) {
    values.push_back(at::randn(shape, at::kDouble).requires_grad_(true));
  }
  return values;
}

std::vector<TrainedParameter> parameters_of(std::vector<at::Tensor> const& values) {
  std::vector<TrainedParameter> parameters;
  for (auto const& value : values) {
    parameters.push_back({.name = concat("w", parameters.size()), .value = value});
  }
  return parameters;
}

/// Gradients that are the same on every rank; none for the second leaf in even steps.
void set_gradients(std::vector<at::Tensor>& values, int step) {
  at::manual_seed(100 + step);
  for (size_t i = 0; i < values.size(); ++i) {
    auto const gradient = at::randn(values[i].sizes(), at::kDouble);
    values[i].mutable_grad() = i == 1 && step % 2 == 0 ? at::Tensor() : gradient;
  }
}

class Shards : public testing::Test {
 protected:
  std::unique_ptr<OptimiserShards> shards_of(std::vector<at::Tensor> const& values) const {
    return std::make_unique<OptimiserShards>(values, world_);
  }
  Communicator world_ = Communicator::world();
};

TEST_F(Shards, GiveEveryNumberToOneRankInEqualParts) {
  auto const values = leaves();
  auto const shards = shards_of(values);
  int64_t mine = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    mine += shards->own(i, values[i]).numel();
  }
  EXPECT_EQ(world_.all_reduce(mine), 1036);
  EXPECT_LE(mine, (1036 + world_.size() - 1) / world_.size());
}

TEST_F(Shards, KeepTheValuesAndTheirHandles) {
  auto const values = leaves();
  auto const handle = values[3];
  auto const shards = shards_of(values);
  auto const before = leaves();
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_TRUE(at::equal(values[i], before[i])) << i;
    EXPECT_TRUE(values[i].is_leaf() && values[i].requires_grad()) << i;
  }
  handle.detach().zero_();
  EXPECT_EQ(values[3].abs().sum().item<double>(), 0);
}

TEST_F(Shards, ExchangeWhatEachRankHasUpdated) {
  auto const values = leaves();
  auto const shards = shards_of(values);
  for (size_t i = 0; i < values.size(); ++i) {
    shards->own(i, values[i]).fill_(world_.rank() + 1);
  }
  shards->exchange();
  int64_t seen = 0;
  for (int rank = 0; rank < world_.size(); ++rank) {
    for (auto const& value : values) {
      seen += value.eq(rank + 1).sum().item<int64_t>();
    }
  }
  EXPECT_EQ(seen, 1036);
}

/// The vectorised loop begins elsewhere in a tensor that is cut, so its last bits may differ.
constexpr double kRoundOff = 1e-14;

TEST_F(Shards, UpdateAsAnOptimiserThatKeepsAllMoments) {
  auto values = leaves();
  auto whole = leaves();
  AdamW ours(parameters_of(values), {}, shards_of(values));
  AdamW reference(parameters_of(whole), {});
  for (int step = 0; step < 6; ++step) {
    set_gradients(values, step);
    set_gradients(whole, step);
    ours.step(1e-2);
    reference.step(1e-2);
  }
  for (auto i : {0, 1, 3}) {
    EXPECT_LT((values[i] - whole[i]).abs().max().item<double>(), kRoundOff) << i;
  }
  auto const saved = ours.save();
  if (world_.is_root()) {
    auto const expected = reference.save();
    ASSERT_EQ(saved.size(), expected.size());
    for (auto const& [name, tensor] : expected) {
      EXPECT_TRUE(at::allclose(saved.at(name), tensor, kRoundOff, kRoundOff)) << name;
    }
    EXPECT_EQ(saved.at("w1/step").item<float>(), 3);
  } else {
    EXPECT_TRUE(saved.empty());
  }
}

TEST_F(Shards, GoOnFromAStateOfAnOptimiserThatKeepsAllMoments) {
  auto whole = leaves();
  AdamW reference(parameters_of(whole), {});
  set_gradients(whole, 1);
  reference.step(1e-2);
  auto values = leaves();
  AdamW ours(parameters_of(values), {}, shards_of(values));
  for (size_t i = 0; i < values.size(); ++i) {
    values[i].detach().copy_(whole[i].detach());
  }
  ours.load(reference.save());
  set_gradients(whole, 3);
  set_gradients(values, 3);
  reference.step(1e-2);
  ours.step(1e-2);
  for (auto i : {0, 1, 3}) {
    EXPECT_LT((values[i] - whole[i]).abs().max().item<double>(), kRoundOff) << i;
  }
}

TEST_F(Shards, CostTheirShareOfTheMoments) {
  constexpr int64_t kNumbers = 1 << 20;
  std::vector<at::Tensor> values = {at::zeros({kNumbers}).requires_grad_(true)};
  AdamW ours(parameters_of(values), {}, shards_of(values));
  values[0].mutable_grad() = at::ones({kNumbers});
  auto const bytes = allocator_peak([&] { ours.step(1e-2); });
  // Two moments of the part, and the part once more on its way.
  EXPECT_LT(bytes, 3 * kNumbers * 4 / world_.size() + 4096);
}

}  // namespace
}  // namespace eddyline
