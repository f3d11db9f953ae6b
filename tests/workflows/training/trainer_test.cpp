#include "workflows/training/trainer.hpp"

#include <limits>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "tests/core/shared_folder.hpp"
#include "tests/workflows/training/tiny.hpp"

namespace eddyline {
namespace {

/// Twenty float32 optimiser steps whose sums over samples were taken in another order; Adam divides
/// by the root of tiny second moments in the first steps, so differences grow.
constexpr double kRoundOff = 2e-5;

/// A training of the tiny network with all that it needs.
struct TinyRun {
  TinyRun(Communicator const& ranks,
          std::filesystem::path folder,
          TrainConfig const& config,
          tiny::Source::Options options = {},
          MomentsOn moments = MomentsOn::every_rank)
      : source(options, ranks),
        valid({.samples = 5, .batch = 3, .horizon = options.horizon, .seed = 77}, ranks),
        network(std::make_shared<tiny::Network>()),
        trainer(parts(std::move(folder), moments), config, ranks) {}

  TrainerParts parts(std::filesystem::path folder, MomentsOn moments) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    TrainerParts parts{.surrogate = network,
                       .train = &source,
                       .valid = {{"", &valid}},
                       .moments = moments,
                       .folder = std::move(folder)};
    parts.facts["model"] = "tiny";
    parts.stop_requested = [this] { return stop_at >= 0 && trainer.state().step >= stop_at; };
    return parts;
  }

  tiny::Source source;
  tiny::Source valid;
  std::shared_ptr<tiny::Network> network;
  int64_t stop_at = -1;
  Trainer trainer;
};

void expect_equal_bits(Surrogate const& a, Surrogate const& b) {
  auto const left = tiny::weights(a);
  for (auto const& [name, value] : tiny::weights(b)) {
    EXPECT_TRUE(at::equal(left.at(name), value)) << name;
  }
}

double largest_difference(Surrogate const& a, Surrogate const& b) {
  double largest = 0;
  auto const left = tiny::weights(a);
  for (auto const& [name, value] : tiny::weights(b)) {
    largest = std::max(largest, (left.at(name) - value).abs().max().item<double>());
  }
  return largest;
}

TEST(Trainer, TakesTheSameTwentyStepsOnAnyNumberOfRanks) {
  auto const world = Communicator::world();
  auto const self = Communicator::self();
  SharedFolder const folder(world);
  auto config = tiny::config();
  config.steps = 20;  // epochs of 3 batches: 6, 6 and 1 samples
  TinyRun ours(world, folder / "world", config);
  TinyRun reference(self, folder / ("self" + std::to_string(world.rank())), config);
  auto const before = tiny::weights(*ours.network);
  EXPECT_EQ(ours.trainer.run(), Outcome::finished);
  reference.trainer.run();
  EXPECT_LT(largest_difference(*ours.network, *reference.network), kRoundOff);
  EXPECT_GT(
      (ours.network->named_parameters()["inner"] - before.at("inner")).abs().max().item<double>(),
      1e-2);
}

void expect_resumes_bit_for_bit(TrainConfig config, MomentsOn moments = MomentsOn::every_rank) {
  auto const world = Communicator::world();
  SharedFolder const folder(world);
  config.noise = 0.01;
  config.schedule.kind = ScheduleKind::plateau;
  config.schedule.patience = 0;
  config.validate.every_steps = 2;
  config.validate.patience = 0;
  TinyRun whole(world, folder / "whole", config, {}, moments);
  EXPECT_EQ(whole.trainer.run(), Outcome::finished);
  TinyRun first(world, folder / "parts", config, {}, moments);
  first.stop_at = 5;  // 3 batches an epoch: in the middle of the second
  EXPECT_EQ(first.trainer.run(), Outcome::stopped);
  EXPECT_EQ(first.trainer.state().batch, 2);
  TinyRun second(world, folder / "parts", config, {}, moments);
  second.trainer.resume(read_native(second.trainer.checkpoints().last()));
  EXPECT_EQ(second.trainer.run(), Outcome::finished);
  expect_equal_bits(*whole.network, *second.network);
  auto const checkpoint = [&](TinyRun const& run) {
    return read_native(run.trainer.checkpoints().last());
  };
  auto const left = checkpoint(whole);
  auto const right = checkpoint(second);
  ASSERT_EQ(left.tensors.size(), right.tensors.size());
  for (auto const& [name, tensor] : left.tensors) {
    EXPECT_TRUE(at::equal(tensor, right.tensors.at(name))) << name;  // moments and step counts too
  }
}

TEST(Trainer, ResumesInMidEpochBitForBitInFloat32) {
  expect_resumes_bit_for_bit(tiny::config());
}

TEST(Trainer, ResumesInMidEpochBitForBitInBfloat16OnOneRank) {
  auto config = tiny::config();
  config.precision = Precision::bf16;
  expect_resumes_bit_for_bit(config);
}

TEST(Trainer, ResumesAnAverageOfWeightsBitForBit) {
  auto config = tiny::config();
  config.precision = Precision::bf16;
  config.ema = {.decay = 0.9, .warmup = false};
  expect_resumes_bit_for_bit(config);
}

TEST(Trainer, ResumesBitForBitWithMomentsSharedOut) {
  auto config = tiny::config();
  config.ema = {.decay = 0.9, .warmup = false};
  config.clip = 0.5;
  expect_resumes_bit_for_bit(config, MomentsOn::one_rank);
}

TEST(Trainer, TakesTheSameStepsWithMomentsSharedOut) {
  auto const world = Communicator::world();
  tiny::Folder const folder(world);
  auto config = tiny::config();
  config.steps = 20;
  TinyRun whole(world, folder / "whole", config);
  TinyRun shared(world, folder / "shared", config, {}, MomentsOn::one_rank);
  whole.trainer.run();
  shared.trainer.run();
  EXPECT_LT(largest_difference(*whole.network, *shared.network), kRoundOff);
}

TEST(Trainer, ResumesOnAnotherNumberOfRanksToRoundOff) {
  auto const world = Communicator::world();
  auto const self = Communicator::self();
  SharedFolder const folder(world);
  auto const config = tiny::config();
  TinyRun whole(world, folder / "whole", config);
  whole.trainer.run();
  TinyRun first(world, folder / "parts", config);
  first.stop_at = 4;
  first.trainer.run();
  TinyRun second(self, folder / ("self" + std::to_string(world.rank())), config);
  std::filesystem::create_directories(folder / ("self" + std::to_string(world.rank())));
  second.trainer.resume(read_native(first.trainer.checkpoints().last()));
  second.trainer.run();
  EXPECT_LT(largest_difference(*whole.network, *second.network), kRoundOff);
}

TEST(Trainer, WarnsWhenGradientsTravelInOtherBuckets) {
  auto const world = Communicator::world();
  SharedFolder const folder(world);
  auto config = tiny::config();
  TinyRun first(world, folder / "parts", config);
  first.stop_at = 2;
  first.trainer.run();
  auto const checkpoint = read_native(first.trainer.checkpoints().last());
  EXPECT_EQ(checkpoint.facts["training"]["buckets"],
            first.trainer.learner().reducer().bucket_sizes());
  auto const log_of_resuming = [&](TrainConfig const& now) {
    auto const file = folder / ("log" + std::to_string(world.rank()));
    std::filesystem::remove(file);
    attach_log_file(file);
    TinyRun(world, folder / "parts", now).trainer.resume(checkpoint);
    detach_log_file();
    return world.is_root() ? read_text(file, 10000) : std::string();
  };
  EXPECT_EQ(log_of_resuming(config), "");
  config.bucket_megabytes = 1;
  EXPECT_EQ(log_of_resuming(config).find("gradients travel in buckets of") != std::string::npos,
            world.size() > 1 && world.is_root());
}

TEST(Trainer, DealsItsTimeToDataComputeAndCommunication) {
  auto const world = Communicator::world();
  SharedFolder const folder(world);
  auto config = tiny::config();
  config.validate.every_steps = 3;
  TinyRun run(world, folder.path(), config);
  std::vector<StepReport> reports;
  run.trainer.on_report = [&](StepReport const& report) { reports.push_back(report); };
  std::vector<int64_t> steps;
  run.trainer.on_step = [&](int64_t step) { steps.push_back(step); };
  run.trainer.run();
  EXPECT_EQ(steps, (std::vector<int64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9}));
  ASSERT_EQ(reports.size(), 5U);
  PhaseSeconds sum;
  for (auto const& report : reports) {
    EXPECT_GT(report.phases.compute, 0);
    EXPECT_EQ(report.phases.communication > 0, world.size() > 1);
    EXPECT_GT(report.samples_per_second, 0);
    sum.other += report.phases.other;
  }
  EXPECT_EQ(reports[0].phases.other, 0);
  EXPECT_GT(reports[1].phases.other, 0) << "the validation after step 3";
  EXPECT_GT(run.trainer.timers().phases().other, sum.other) << "the last checkpoint";
}

TEST(Trainer, GivesTheOptimiserTheSchedulesRateAndTheLimitOfTheGradient) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  auto config = tiny::config();
  config.steps = 5;
  config.clip = 0.2;
  config.schedule = {.kind = ScheduleKind::cosine, .peak = 0.1, .warmup_steps = 2};
  TinyRun run(self, folder.path(), config);
  run.trainer.run();
  auto network = std::make_shared<tiny::Network>();
  LearningStep learner(network, {}, Loss({}, tiny::grid(), at::kCPU), config, self);
  Schedule const schedule(config.schedule, config.steps);
  tiny::Source source({}, self);
  for (int64_t step = 0; step < config.steps; ++step) {
    if (step % source.batches() == 0) {
      source.start(step / source.batches(), 0);
    }
    learner.take(source,
                 {.step = step,
                  .samples = source.samples(step % source.batches()),
                  .learning_rate = schedule.rate(step)});
  }
  expect_equal_bits(*run.network, *network);
}

TEST(Trainer, TakesItsLossInTheSpaceThatIsAskedFor) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  tiny::Source::Options const options{.scale = {1, 10}};
  auto config = tiny::config();
  config.steps = 1;
  auto const loss_in = [&](LossSpace space) {
    config.loss.space = space;
    TinyRun run(self, folder.path(), config, options);
    double loss = 0;
    run.trainer.on_report = [&](StepReport const& report) { loss = report.loss; };
    run.trainer.run();
    return loss;
  };
  tiny::Source source(options, self);
  source.start(0, 0);
  auto const batch = *source.next();
  tiny::Network network;
  auto const error = network.predict(batch, {.random = {.seed = 11}}) - batch.target;
  auto const of_channel = error.square().mean({0, 1, 3, 4, 5});
  auto const first = of_channel[0].item<double>();
  auto const second = of_channel[1].item<double>();
  EXPECT_NEAR(loss_in(LossSpace::normalised), (first + second) / 2, 1e-6);
  EXPECT_NEAR(loss_in(LossSpace::physical), (first + 100 * second) / 2, 1e-4);
}

TEST(Trainer, LowersTheLossOnOneRank) {
  auto const world = Communicator::world();
  SharedFolder const folder(world);
  auto config = tiny::config();
  config.steps = 60;
  config.validate.every_epochs = 5;
  TinyRun run(world, folder.path(), config);
  std::vector<double> losses;
  run.trainer.on_validation = [&](int64_t, ValidationResult const& result) {
    losses.push_back(result.loss);
  };
  run.trainer.run();
  ASSERT_GE(losses.size(), 3U);
  EXPECT_LT(losses.back(), 0.5 * losses.front());
  EXPECT_GT(run.trainer.last_validation()->persistence_mean,
            run.trainer.last_validation()->model_mean);
}

TEST(Trainer, StopsEarlyWhenTheValidationLossNoLongerImproves) {
  auto const world = Communicator::world();
  SharedFolder const folder(world);
  auto config = tiny::config();
  config.steps = 100;
  config.schedule.peak = 1e-30;  // weights stay, so the loss does
  config.validate.every_steps = 2;
  config.validate.patience = 3;
  TinyRun run(world, folder.path(), config);
  EXPECT_EQ(run.trainer.run(), Outcome::converged);
  EXPECT_EQ(run.trainer.state().step, 8);  // the first is the best, then three in a row
  EXPECT_EQ(std::filesystem::read_symlink(run.trainer.checkpoints().best()), "step-00000002.h5");
}

TEST(Trainer, StopsAtTheTimeLimitAfterSaving) {
  auto const world = Communicator::world();
  SharedFolder const folder(world);
  auto config = tiny::config();
  config.time_limit = 1e-9;
  TinyRun run(world, folder.path(), config);
  EXPECT_EQ(run.trainer.run(), Outcome::stopped);
  EXPECT_EQ(run.trainer.checkpoints().steps(), (std::vector<int64_t>{1}));
}

TEST(Trainer, KeepsTheLastGoodStateWhenTheLossIsNotFinite) {
  auto const world = Communicator::world();
  SharedFolder const folder(world);
  auto config = tiny::config();
  config.steps = 50;
  config.log_every = 1;
  config.checkpoint.every_steps = 3;
  TinyRun run(world, folder.path(), config);
  run.trainer.on_report = [&](StepReport const& report) {
    if (report.step == 7) {
      at::NoGradGuard const no_grad;
      run.network->named_parameters()["inner"].fill_(std::numeric_limits<float>::quiet_NaN());
    }
  };
  try {
    run.trainer.run();
    FAIL() << "went on";
  } catch (Diverged const& error) {
    EXPECT_NE(std::string(error.what()).find("step-00000006.h5"), std::string::npos)
        << error.what();
  }
  auto const saved = read_native(run.trainer.checkpoints().last());
  EXPECT_TRUE(saved.tensors.at("model/inner").isfinite().all().item<bool>());
}

TEST(Trainer, TrainsThroughItsOwnStepsByCurriculum) {
  auto const world = Communicator::world();
  auto const self = Communicator::self();
  SharedFolder const folder(world);
  auto config = tiny::config();
  config.unroll.steps = 3;
  config.unroll.grow_every = 3;
  tiny::Source::Options const options{.horizon = 3};
  TinyRun ours(world, folder / "world", config, options);
  TinyRun reference(self, folder / ("self" + std::to_string(world.rank())), config, options);
  ours.trainer.run();
  reference.trainer.run();
  EXPECT_EQ(ours.trainer.learner().unroll_at(2), 1);
  EXPECT_EQ(ours.trainer.learner().unroll_at(3), 2);
  EXPECT_EQ(ours.trainer.learner().unroll_at(1000), 3);
  EXPECT_LT(largest_difference(*ours.network, *reference.network), kRoundOff);
}

TEST(Trainer, WritesARowForEachIntervalAndContinuesTheTable) {
  auto const world = Communicator::world();
  SharedFolder const folder(world);
  auto const config = tiny::config();
  TinyRun first(world, folder.path(), config);
  first.stop_at = 5;
  first.trainer.run();
  TinyRun second(world, folder.path(), config);
  second.trainer.resume(read_native(second.trainer.checkpoints().last()));
  second.trainer.run();
  std::ifstream in(folder / "metrics.csv");
  std::string text((std::istreambuf_iterator<char>(in)), {});
  EXPECT_EQ(text.find("step,epoch,loss,learning_rate"), 0U);
  std::vector<std::string> steps;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    steps.push_back(line.substr(0, line.find(',')));
  }
  EXPECT_EQ(steps, (std::vector<std::string>{"step", "2", "4", "6", "8", "9", "9"}));
}

}  // namespace
}  // namespace eddyline
