#include "workflows/training/weight_average.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/core/shared_folder.hpp"
#include "tests/data/pipeline/memory_reader.hpp"
#include "tests/workflows/training/tiny.hpp"

namespace eddyline {
namespace {

std::vector<TrainedParameter> one_parameter() {
  return {{"w", at::full({2}, 4.0, at::kFloat)}};
}

TEST(WeightAverage, KeepsTheNamedShareOfItselfInEachStep) {
  auto const parameters = one_parameter();
  WeightAverage average(parameters, {.decay = 0.75, .warmup = false});
  parameters[0].value.fill_(8.0);
  average.follow(0);
  average.follow(1);
  {
    Averaged const averaged(average);
    // 4 → 4 + 1/4 (8 - 4) = 5 → 5 + 1/4 (8 - 5) = 5.75, all exact in binary.
    EXPECT_TRUE(at::equal(parameters[0].value, at::full({2}, 5.75)));
  }
  EXPECT_TRUE(at::equal(parameters[0].value, at::full({2}, 8.0)));
}

TEST(WeightAverage, ForgetsFreshWeightsSoonWithWarmUp) {
  auto const parameters = one_parameter();
  WeightAverage average(parameters, {.decay = 0.999, .warmup = true});
  parameters[0].value.fill_(8.0);
  average.follow(0);  // decay 1/10
  average.swap();
  EXPECT_NEAR(parameters[0].value[0].item<double>(), 4 + 0.9 * 4, 1e-6);
}

TEST(WeightAverage, IsOffByDefaultAndThenChangesNothing) {
  auto const parameters = one_parameter();
  WeightAverage average(parameters, {});
  EXPECT_FALSE(average.is_on());
  average.follow(0);
  average.swap();
  EXPECT_TRUE(at::equal(parameters[0].value, at::full({2}, 4.0)));
  EXPECT_TRUE(average.save().empty());
}

TEST(WeightAverage, NamesTheParameterWhosePlainWeightsACheckpointLacks) {
  WeightAverage average(one_parameter(), {.decay = 0.9});
  EXPECT_NE(message_of([&] { average.load({}); }).find("'w'"), std::string::npos);
  EXPECT_NE(message_of([&] {
              average.load({{"w", at::ones({3})}});
            }).find("'w'"),
            std::string::npos);
}

/// The tiny network, of which `bias` is frozen.
class HalfFrozen final : public Surrogate {
 public:
  HalfFrozen() { inner_ = register_module("inner", std::make_shared<tiny::Network>()); }
  at::Tensor predict(Batch const& batch, Context const& context) override {
    return inner_->predict(batch, context);
  }
  std::string config() const override { return inner_->config(); }
  int64_t history() const override { return 1; }
  std::array<int64_t, 3> patch() const override { return {1, 1, 1}; }
  std::vector<ParameterGroup> parameter_groups() const override {
    return {{"some", {"inner.inner", "inner.outer", "inner.even"}}};
  }

 private:
  std::shared_ptr<tiny::Network> inner_;
};

TEST(WeightAverage, IsOfTheTrainedWeightsOverTheStepsOnAnyNumberOfRanks) {
  auto const world = Communicator::world();
  SharedFolder const folder(world);
  auto config = tiny::config();
  config.accumulate = 2;
  config.ema = {.decay = 0.8, .warmup = false};
  auto const network = std::make_shared<HalfFrozen>();
  tiny::Source source({}, world);
  Trainer trainer({.surrogate = network, .train = &source, .folder = folder.path()}, config, world);
  auto expected = tiny::weights(*network);
  trainer.on_step = [&](int64_t) {
    for (auto const& [name, now] : tiny::weights(*network)) {
      expected.at(name) += 0.2 * (now - expected.at(name));
    }
  };
  trainer.run();
  auto const checkpoint = read_native(trainer.checkpoints().last());
  for (auto const& [name, plain] : tiny::weights(*network)) {
    auto const& average = checkpoint.tensors.at("model/" + name);
    EXPECT_LT((average - expected.at(name)).abs().max().item<double>(), 1e-6) << name;
    bool const is_trained = name == "inner.inner" || name == "inner.outer" || name == "inner.even";
    EXPECT_EQ(checkpoint.tensors.contains("plain/" + name), is_trained) << name;
    if (is_trained) {
      EXPECT_TRUE(at::equal(checkpoint.tensors.at("plain/" + name), plain)) << name;
    }
  }
  EXPECT_GT(
      (checkpoint.tensors.at("model/inner.inner") - checkpoint.tensors.at("plain/inner.inner"))
          .abs()
          .max()
          .item<double>(),
      1e-3);
}

TEST(WeightAverage, IsWhatIsValidated) {
  auto const world = Communicator::world();
  SharedFolder const folder(world);
  auto config = tiny::config();
  config.validate.every_steps = config.steps;
  config.ema = {.decay = 0.9, .warmup = false};
  tiny::Source train({}, world), valid({.samples = 5, .batch = 3, .seed = 77}, world);
  Trainer trainer({.surrogate = std::make_shared<tiny::Network>(),
                   .train = &train,
                   .valid = {{"", &valid}},
                   .folder = folder.path()},
                  config,
                  world);
  trainer.run();
  auto const loss_now = [&] { return validate(trainer.learner(), valid, 0, world).loss; };
  auto const plain = loss_now();
  auto const averaged = trainer.averaged();
  EXPECT_DOUBLE_EQ(trainer.last_validation()->loss, loss_now());
  EXPECT_GT(std::abs(plain - loss_now()), 1e-4);
}

}  // namespace
}  // namespace eddyline
