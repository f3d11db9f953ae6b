// A run goes on from its checkpoint on other ranks, with other blocks.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/log.hpp"
#include "surrogates/checkpoints/native.hpp"
#include "tests/places.hpp"
#include "tests/workflows/tiny_data.hpp"
#include "workflows/training/train_job.hpp"

namespace eddyline {
namespace {

/// Eight steps of AdamW at 1e-3 in float32, the last four of them after other sums of gradients.
constexpr double kRoundOff = 2e-4;

class SplitResumption : public testing::Test {
 protected:
  /// Trains to the given step on some of the ranks; `domain` as in parallel.domain.
  void train_to(std::string const& name,
                int64_t steps,
                std::string const& domain,
                Communicator const& ranks,
                std::string const& more = "") const {
    auto const config = parse_config<TrainJobConfig>(
        concat("data: {path: ",
               source_file("tests/fixtures/formats/well/box3d_mini"),
               ", fields: [density, velocity], splits: {by: trajectories, fractions: [1, 0, 0]}}\n"
               "model: {surrogate: fno, modes: [2, 2, 2], width: 4, layers: 1, projection: 4, "
               "history: 1}\n"
               "train: {batch: 2, steps: ",
               steps,
               ", schedule: {kind: constant, peak: 1e-3}, ema: {decay: 0.9}, "
               "checkpoint: {every_epochs: 0}",
               adapt_,
               "}\nparallel: {domain: ",
               domain,
               more,
               "}\nrun: {device: cpu, threads: 1, name: ",
               name,
               ", folder: ",
               (folder_.path() / "runs").string(),
               "}\n"),
        "test.yaml");
    bool const resumes = std::filesystem::exists(folder_.path() / "runs" / name / "checkpoints");
    ranks.barrier();
    train(config, resumes ? Existing::resume : Existing::refuse, {}, ranks);
  }

  NativeCheckpoint last(std::string const& name) const {
    return read_native(folder_.path() / "runs" / name / "checkpoints/last.h5");
  }

  void expect_same_state(std::string const& name, std::string const& other, double tolerance) {
    auto const left = last(name);
    auto const right = last(other);
    ASSERT_EQ(left.tensors.size(), right.tensors.size());
    for (auto const& [key, tensor] : left.tensors) {
      auto const difference = (tensor - right.tensors.at(key)).abs();
      EXPECT_LE(difference.numel() == 0 ? 0 : difference.max().item<double>(), tolerance) << key;
    }
  }

  /// Blocks for all ranks, and others for half of them.
  std::string blocks() const { return world_.size() == 4 ? "[1, 2, 2]" : "[1, 1, 2]"; }
  std::string other_blocks() const { return world_.size() == 4 ? "[2, 1, 1]" : "[1, 1, 1]"; }

  Communicator world_ = Communicator::world();
  Communicator self_ = Communicator::self();
  tiny::Folder folder_{world_};
  std::string adapt_;  ///< keys of train
};

TEST_F(SplitResumption, IsBitForBitOnTheSameBlocksOnManyRanks) {
  for (auto const* more : {"", ", shard_optimizer: true"}) {
    SCOPED_TRACE(more);
    auto const whole = concat("whole", std::string(more).size());
    auto const parts = concat("parts", std::string(more).size());
    train_to(whole, 8, blocks(), world_, more);
    train_to(parts, 4, blocks(), world_, more);
    train_to(parts, 8, blocks(), world_, more);
    expect_same_state(whole, parts, 0);
  }
}

TEST_F(SplitResumption, GoesOnWithOtherBlocksOnFewerRanksAndOnOneOnManyRanks) {
  constexpr auto* kShared = ", shard_optimizer: true";
  bool const is_first = world_.rank() < world_.size() / 2;
  auto const half = world_.split(is_first ? 0 : 1);
  train_to("whole", 8, blocks(), world_, kShared);
  train_to("on_half", 4, blocks(), world_, kShared);
  if (world_.is_root()) {
    auto const runs = folder_.path() / "runs";
    std::filesystem::copy(
        runs / "on_half", runs / "on_one", std::filesystem::copy_options::recursive);
  }
  world_.barrier();
  if (is_first) {
    train_to("on_half", 8, other_blocks(), half, kShared);
  }
  if (world_.is_root()) {
    train_to("on_one", 8, "[1, 1, 1]", self_);
  }
  world_.barrier();
  expect_same_state("whole", "on_half", kRoundOff);
  expect_same_state("whole", "on_one", kRoundOff);
}

TEST_F(SplitResumption, AdaptsABaseAsOneRankAndGoesOnBitForBitOnManyRanks) {
  train_to("base", 1, blocks(), world_);
  adapt_ = concat(", adapt: {rank: 1, layers: ['*']}, from: ",
                  (folder_.path() / "runs/base/checkpoints/last.h5").string());
  train_to("whole", 8, blocks(), world_);
  train_to("parts", 4, blocks(), world_);
  train_to("parts", 8, blocks(), world_);
  if (world_.is_root()) {
    train_to("on_one", 8, "[1, 1, 1]", self_);
  }
  world_.barrier();
  expect_same_state("whole", "parts", 0);
  expect_same_state("whole", "on_one", kRoundOff);
  auto const adapter = read_native(folder_.path() / "runs/whole/adapters/last.h5");
  double moved = 0;
  for (auto const& [key, tensor] : adapter.tensors) {
    moved = std::max(moved, key.ends_with(".B") ? tensor.abs().max().item<double>() : 0);
  }
  EXPECT_GT(moved, 10 * kRoundOff);  // from zero
}

}  // namespace
}  // namespace eddyline
