// Training with train.adapt, of every transformer: what it changes, resumes and leaves on disk.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "surrogates/adaptation/adapted_model.hpp"
#include "surrogates/adaptation/initial_weights.hpp"
#include "surrogates/stored_model.hpp"
#include "tests/core/shared_folder.hpp"
#include "tests/workflows/training/tiny.hpp"
#include "workflows/training/trainer.hpp"

namespace eddyline {
namespace {

/// Eight float32 optimiser steps whose sums over samples were taken in another order; Adam divides
/// by the root of tiny second moments in the first steps, so differences grow.
constexpr double kRoundOff = 1e-4;

struct Case {
  std::string surrogate, config;
  AdaptConfig adapt;
};

std::vector<Case> const& cases() {
  static std::vector<Case> const all = {
      {"morph",
       "{dim: 16, heads: 2, depth: 2, mlp_dim: 16, heads_xa: 4, patch: [1, 2, 2], max_patches: 4}",
       {.rank = 2, .layers = {"*.mlp", "*.attn_w.q"}, .train = {"decoder.linear"}}},
      {"gphyt",
       "{hidden_dim: 24, mlp_dim: 32, num_heads: 2, num_layers: 2, patch: [1, 2, 2], "
       "time_patch: 1, history: 1, dropout: 0.1}",
       {.rank = 2, .alpha = 8, .layers = {"*"}, .train = {"*.bias"}}},
      {"ifactformer",
       "{dim: 24, heads: 2, dim_head: 8, depth: 1, n_layer: 2, history: 1}",
       {.rank = 2, .layers = {"*"}}},
      {"climax",
       "{variables: [a, b], patch: [1, 2, 2], dim: 16, depth: 2, decoder_depth: 1, heads: 2, "
       "mlp_ratio: 2}",
       {.rank = 2, .layers = {"blocks"}, .train = {"head"}}}};
  return all;
}

/// A training of a small network from a base in a file.
class AdaptedRun {
 public:
  AdaptedRun(Case const& tested,
             Communicator const& ranks,
             std::filesystem::path folder,
             TrainConfig config)
      : valid({.samples = 5, .batch = 3, .seed = 77}, ranks), tested_(tested), source_({}, ranks) {
    config.adapt = tested.adapt;
    config.from = (folder / "base.h5").string();
    network = make(tested, 1);
    trainer = std::make_unique<Trainer>(parts(std::move(folder), config), config, ranks);
  }

  static std::shared_ptr<Surrogate> make(Case const& tested, uint64_t seed) {
    return surrogate_entry(tested.surrogate)
        .make(tested.config, surrogate_spec(*tiny::spec()), seed);
  }
  NativeCheckpoint last() const { return read_native(trainer->checkpoints().last()); }

  std::shared_ptr<Surrogate> network;
  tiny::Source valid;
  std::unique_ptr<Trainer> trainer;
  int64_t stop_at = -1;

 private:
  TrainerParts parts(std::filesystem::path folder, TrainConfig const& config) {
    std::filesystem::create_directories(folder);
    TrainerParts parts{.surrogate = network,
                       .train = &source_,
                       .valid = {{"", &valid}},
                       .folder = std::move(folder)};
    store_model(parts.facts,
                {.surrogate = tested_.surrogate,
                 .config = network->config(),
                 .spec = surrogate_spec(*tiny::spec())});
    parts.facts["adapter"] =
        adapter_facts(config.adapt, *network, config.from, model_tensors(*network), {});
    parts.stop_requested = [this] { return stop_at >= 0 && trainer->state().step >= stop_at; };
    return parts;
  }

  Case const& tested_;
  tiny::Source source_;
};

TrainConfig short_config() {
  auto config = tiny::config();
  config.steps = 8;
  config.validate.every_steps = 3;
  config.bucket_megabytes = 1e-3;
  return config;
}

class AdaptedTraining : public testing::TestWithParam<Case> {
 protected:
  AdaptedTraining() : world_(Communicator::world()), self_(Communicator::self()), folder_(world_) {}
  std::filesystem::path own(std::string const& name) const {
    return folder_ / (name + std::to_string(world_.rank()));
  }
  Communicator world_, self_;
  SharedFolder folder_;
};

TEST_P(AdaptedTraining, TakesTheSameStepsOnAnyNumberOfRanks) {
  AdaptedRun ours(GetParam(), world_, folder_ / "world", short_config());
  AdaptedRun reference(GetParam(), self_, own("self"), short_config());
  EXPECT_EQ(ours.trainer->run(), Outcome::finished);
  reference.trainer->run();
  auto const theirs = reference.trainer->learner().adapter()->tensors();
  double moved = 0;
  for (auto const& [name, value] : ours.trainer->learner().adapter()->tensors()) {
    EXPECT_LT((value - theirs.at(name)).abs().max().item<double>(), kRoundOff) << name;
    moved = std::max(moved, name.ends_with(".B") ? value.abs().max().item<double>() : 0);
  }
  EXPECT_GT(moved, 1e-2);
}

TEST_P(AdaptedTraining, ChangesTheAdapterAloneOnOneRank) {
  AdaptedRun run(GetParam(), world_, folder_ / "run", short_config());
  auto const before = tiny::weights(*run.network);
  run.trainer->run();
  auto const* adapter = run.trainer->learner().adapter();
  int frozen = 0;
  for (auto const& [name, value] : tiny::weights(*run.network)) {
    if (auto const* update = adapter->update_of(name)) {
      EXPECT_TRUE(at::equal(update->base, before.at(name))) << name;
      EXPECT_FALSE(at::equal(value, before.at(name))) << name;
    } else if (adapter->trains(name)) {
      EXPECT_FALSE(at::equal(value, before.at(name))) << name;
    } else {
      EXPECT_TRUE(at::equal(value, before.at(name))) << name;
      ++frozen;
    }
  }
  EXPECT_GT(frozen, 0);
  for (auto const& [name, moment] : run.trainer->learner().optimiser().save()) {
    auto const key = name.substr(0, name.rfind('/'));
    EXPECT_TRUE(key.ends_with(".A") || key.ends_with(".B") || adapter->trains(key)) << name;
  }
}

void write_base(AdaptedRun const& run,
                std::filesystem::path const& path,
                Communicator const& world) {
  world.together([&] {
    if (world.is_root()) {
      write_native(path, {.tensors = model_tensors(*run.network)});
    }
  });
}

TEST_P(AdaptedTraining, LeavesAnAdapterThatMakesTheSameModelOfItsBaseOnOneRank) {
  AdaptedRun run(GetParam(), world_, folder_ / "run", short_config());
  write_base(run, folder_ / "run/base.h5", world_);
  run.trainer->run();
  auto const whole = adapted_model(folder_ / "run/base.h5", run.trainer->adapters().best());
  auto const best = read_native(run.trainer->checkpoints().best());
  for (auto const& [name, value] : whole.tensors) {
    EXPECT_TRUE(at::equal(value, best.tensors.at(name))) << name;
  }
  EXPECT_EQ(run.trainer->adapters().steps(), run.trainer->checkpoints().steps());
}

/// Of A and B, not of B A, which is no low-rank update any more.
TEST_P(AdaptedTraining, AveragesTheAdapterSoThatTheAverageIsOneToo) {
  auto config = short_config();
  config.ema = {.decay = 0.8, .warmup = false};
  AdaptedRun run(GetParam(), world_, folder_ / "run", config);
  auto const base = folder_ / "run/base.h5";
  write_base(run, base, world_);
  auto const* adapter = run.trainer->learner().adapter();
  std::map<std::string, at::Tensor> expected;
  auto const follow = [&](double share) {
    for (auto const& [name, now] : adapter->tensors()) {
      auto& average = expected.try_emplace(name, now.clone()).first->second;
      average += share * (now - average);
    }
  };
  follow(0);
  run.trainer->on_step = [&](int64_t) { follow(0.2); };
  run.trainer->run();
  auto const last = run.trainer->adapters().last();
  auto const alone = read_native(last);
  for (auto const& [name, average] : expected) {
    EXPECT_LT((alone.tensors.at(name) - average).abs().max().item<double>(), 1e-6) << name;
  }
  auto const averaged = run.last();
  for (auto const& [name, value] : adapted_model(base, last).tensors) {
    EXPECT_TRUE(at::equal(value, averaged.tensors.at(name))) << name;
  }
  auto plain = run.last();
  take_plain_weights(plain);
  auto const merged = adapted_model(base, last, WeightKind::plain);
  double moved = 0;
  for (auto const& [name, value] : model_tensors(*run.network)) {
    EXPECT_TRUE(at::equal(plain.tensors.at(name), value)) << name;
    EXPECT_TRUE(at::equal(merged.tensors.at(name), value)) << name;
    moved = std::max(moved, (averaged.tensors.at(name) - value).abs().max().item<double>());
  }
  EXPECT_GT(moved, 1e-3);
}

TEST_P(AdaptedTraining, ValidatesTheAveragedWeightsOnOneRank) {
  auto config = short_config();
  config.validate.every_steps = config.steps;
  config.ema = {.decay = 0.8, .warmup = false};
  AdaptedRun run(GetParam(), world_, folder_ / "run", config);
  run.trainer->run();
  auto const loss_now = [&] { return validate(run.trainer->learner(), run.valid, 0, world_).loss; };
  auto const plain = loss_now();
  auto const averaged = run.trainer->averaged();
  EXPECT_DOUBLE_EQ(run.trainer->last_validation()->loss, loss_now());
  EXPECT_NE(plain, loss_now());
}

void expect_resumes(Case const& tested,
                    TrainConfig config,
                    Communicator const& world,
                    std::filesystem::path const& folder) {
  config.accumulate = 2;
  AdaptedRun whole(tested, world, folder / "whole", config);
  EXPECT_EQ(whole.trainer->run(), Outcome::finished);
  AdaptedRun first(tested, world, folder / "parts", config);
  first.stop_at = 5;
  EXPECT_EQ(first.trainer->run(), Outcome::stopped);
  AdaptedRun second(tested, world, folder / "parts", config);
  {
    at::NoGradGuard const no_grad;
    for (auto& parameter : second.network->parameters()) {
      parameter.zero_();  // a resumed run does not look at train.from
    }
  }
  second.trainer->resume(first.last());
  EXPECT_EQ(second.trainer->run(), Outcome::finished);
  auto const left = whole.last(), right = second.last();
  ASSERT_EQ(left.tensors.size(), right.tensors.size());
  for (auto const& [name, tensor] : left.tensors) {
    EXPECT_TRUE(at::equal(tensor, right.tensors.at(name))) << name;
  }
}

TEST_P(AdaptedTraining, ResumesBitForBitInFloat32OnOneRank) {
  expect_resumes(GetParam(), short_config(), world_, folder_.path());
}

TEST_P(AdaptedTraining, ResumesBitForBitInBfloat16OnOneRank) {
  auto config = short_config();
  config.precision = Precision::bf16;
  expect_resumes(GetParam(), config, world_, folder_.path());
}

TEST_P(AdaptedTraining, ResumesBitForBitWithAnAverageAndRecomputedActivations) {
  auto config = short_config();
  config.ema = {.decay = 0.8, .warmup = false};
  config.activations = Activations::recompute;
  expect_resumes(GetParam(), config, world_, folder_.path());
}

TEST_P(AdaptedTraining, LowersTheLossOnOneRank) {
  auto config = short_config();
  config.steps = 60;
  config.log_every = 6;  // two epochs: the mean over all samples
  config.validate.every_steps = 0;
  AdaptedRun run(GetParam(), world_, folder_ / "run", config);
  std::vector<double> losses;
  run.trainer->on_report = [&](StepReport const& report) { losses.push_back(report.loss); };
  run.trainer->run();
  ASSERT_EQ(losses.size(), 10U);
  EXPECT_LT(losses.back(), 0.97 * losses.front());  // of a base that has learned nothing: a little
}

INSTANTIATE_TEST_SUITE_P(Transformers,
                         AdaptedTraining,
                         testing::ValuesIn(cases()),
                         [](auto const& instance) { return instance.param.surrogate; });

TEST(AdaptedLearningStep, GoesThroughSeveralUnrolledSteps) {
  auto const self = Communicator::self();
  auto const& tested = cases()[0];
  auto network = AdaptedRun::make(tested, 1);
  auto config = short_config();
  config.adapt = tested.adapt;
  config.from = "base.h5";
  config.unroll.steps = 2;
  LearningStep learner(network, {}, Loss({}, tiny::grid(), at::kCPU), config, self);
  tiny::Source source({.horizon = 2}, self);
  source.start(0, 0);
  for (int64_t step = 0; step < 2; ++step) {
    learner.take(source, {.step = step, .samples = 6, .learning_rate = 1e-2});
  }
  for (auto const& update : learner.adapter()->updates()) {
    EXPECT_GT(update.b.abs().max().item<double>(), 0) << update.weight;
  }
}

}  // namespace
}  // namespace eddyline
