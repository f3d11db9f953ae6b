// Training as it is done: MORPH with dropout on a loader's batches, shared out to the ranks.
#include "workflows/training/loader_source.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "surrogates/registry.hpp"
#include "surrogates/stored_model.hpp"
#include "tests/core/shared_folder.hpp"
#include "tests/data/pipeline/memory_reader.hpp"
#include "tests/workflows/training/tiny.hpp"

namespace eddyline {
namespace {

constexpr char const* kMorph =
    "filters: 8\ndim: 16\nheads: 2\ndepth: 2\nmlp_dim: 32\nheads_xa: 4\npatch: [1, 4, 4]\n"
    "max_patches: 4\ndropout: 0.1\nemb_dropout: 0.1\n";

/// Sums of float32 over samples in another order, as a share of the parameter's largest gradient.
constexpr double kRoundOff = 1e-5;
/// Share of the largest gradient of all below which one counts as zero: softmax does not feel a
/// bias of the keys, so theirs are nothing but round-off.
constexpr double kZero = 1e-3;

/// 21 samples of density and velocity on 8 x 8 cells: 3 batches of 6 an epoch, the rest left out.
Dataset some_data() {
  auto const number = at::arange(3 * 8 * 3 * 64, at::kDouble).view({3, 8, 3, 1, 8, 8});
  auto const values = at::frac(at::sin(number * 12.9898) * 43758.5453).to(at::kFloat);
  return Dataset(
      std::make_unique<MemoryReader>(
          some_fields(), some_grid(8, 8), std::vector<at::Tensor>{values[0], values[1], values[2]}),
      plain_config(),
      Split::all,
      {},
      {1, 4, 4});
}

/// A training of a small MORPH with all that it needs.
struct MorphRun {
  MorphRun(Communicator const& ranks, std::filesystem::path folder, TrainConfig const& config)
      : data(some_data()),
        source(data,
               compute_statistics(data, Communicator::self()),
               {.batch = 6, .order = Order::shuffled, .last = LastBatch::drop, .seed = 5},
               ranks),
        network(surrogate_entry("morph").make(kMorph, surrogate_spec(*data.batch_spec()), 7)),
        trainer(parts(std::move(folder)), config, ranks) {}

  TrainerParts parts(std::filesystem::path folder) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    return {.surrogate = network,
            .train = &source,
            .folder = std::move(folder),
            .stop_requested = [this] { return stop_at >= 0 && trainer.state().step >= stop_at; }};
  }

  Dataset data;
  LoaderSource source;
  std::shared_ptr<Surrogate> network;
  int64_t stop_at = -1;
  Trainer trainer;
};

TrainConfig config_of(Precision precision) {
  auto config = tiny::config();
  config.precision = precision;
  config.schedule.peak = 1e-3;
  config.bucket_megabytes = 4e-3;  // the network has 60 kB of weights
  return config;
}

void expect_resumes_bit_for_bit(Precision precision) {
  auto const world = Communicator::world();
  SharedFolder const folder(world);
  auto const config = config_of(precision);
  MorphRun whole(world, folder / "whole", config);
  ASSERT_EQ(whole.trainer.run(), Outcome::finished);
  if (world.size() > 1) {
    EXPECT_GE(whole.trainer.learner().reducer().bucket_sizes().size(), 5U);
  }
  MorphRun first(world, folder / "parts", config);
  auto const fresh = tiny::weights(*first.network);
  first.stop_at = 5;
  ASSERT_EQ(first.trainer.run(), Outcome::stopped);
  ASSERT_EQ(first.trainer.state().batch, 2) << "not in the middle of an epoch";
  MorphRun second(world, folder / "parts", config);
  second.trainer.resume(read_native(second.trainer.checkpoints().last()));
  ASSERT_EQ(second.trainer.run(), Outcome::finished);
  auto const left = read_native(whole.trainer.checkpoints().last());
  auto const right = read_native(second.trainer.checkpoints().last());
  ASSERT_EQ(left.tensors.size(), right.tensors.size());
  for (auto const& [name, tensor] : left.tensors) {
    EXPECT_TRUE(at::equal(tensor, right.tensors.at(name))) << name;  // moments too
  }
  EXPECT_FALSE(
      at::equal(fresh.at("decoder.linear.weight"), left.tensors.at("model/decoder.linear.weight")));
}

TEST(LoaderSource, LetsMorphResumeInMidEpochBitForBitInFloat32) {
  expect_resumes_bit_for_bit(Precision::fp32);
}

TEST(LoaderSource, LetsMorphResumeInMidEpochBitForBitInBfloat16) {
  expect_resumes_bit_for_bit(Precision::bf16);
}

TEST(LoaderSource, GivesMorphTheGradientsOfOneRankOnAnyNumberOfRanks) {
  auto const world = Communicator::world();
  auto const self = Communicator::self();
  SharedFolder const folder(world);
  auto const gradients_on = [&](Communicator const& ranks, std::string const& name) {
    MorphRun run(ranks, folder / name, config_of(Precision::fp32));
    run.source.start(0, 1);
    run.trainer.learner().take(run.source, {.step = 4, .batches = 1, .samples = 6});
    std::map<std::string, at::Tensor> gradients;
    for (auto const& item : run.network->named_parameters()) {
      auto const& gradient = item.value().grad();
      gradients[item.key()] = gradient.defined() ? gradient.clone() : gradient;
    }
    return gradients;
  };
  auto const ours = gradients_on(world, "world");
  auto const expected = gradients_on(self, "self" + std::to_string(world.rank()));
  double largest = 0;
  for (auto const& [name, gradient] : expected) {
    largest = std::max(largest, gradient.defined() ? gradient.abs().max().item<double>() : 0);
  }
  int64_t compared = 0;
  for (auto const& [name, gradient] : expected) {
    ASSERT_EQ(gradient.defined(), ours.at(name).defined()) << name;
    if (gradient.defined()) {
      EXPECT_LE((gradient - ours.at(name)).abs().max().item<double>(),
                kRoundOff * std::max(gradient.abs().max().item<double>(), kZero * largest))
          << name;
      ++compared;
    }
  }
  EXPECT_GT(compared, 30);
}

TEST(LoaderSource, CountsTheSamplesOfAShortLastBatch) {
  auto data = some_data();
  auto const self = Communicator::self();
  LoaderSource const source(data, compute_statistics(data, self), {.batch = 6}, self);
  EXPECT_EQ(source.batches(), 4);
  EXPECT_EQ(source.samples(0), 6);
  EXPECT_EQ(source.samples(3), 3);
}

}  // namespace
}  // namespace eddyline
