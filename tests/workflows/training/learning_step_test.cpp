#include "workflows/training/learning_step.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/registry.hpp"
#include "tests/workflows/training/tiny.hpp"

namespace eddyline {
namespace {

TEST(LearningStep, DifferentiatesThroughAllUnrolledSteps) {
  auto const self = Communicator::self();
  tiny::Source const source({.horizon = 2}, self);
  auto const batch = source.make({1, 3});
  auto network = std::make_shared<tiny::Network>(2, 0.0);
  auto config = tiny::config();
  config.unroll.steps = 2;
  LearningStep learner(network, {}, Loss({}, tiny::grid(), at::kCPU), config, self);
  auto const loss_of = [&] {
    return learner.loss().per_sample(learner.predict(batch, {}, 2), batch.target, batch).sum();
  };
  loss_of().backward();
  auto bias = network->named_parameters()["bias"];
  auto const slope = bias.grad()[3].item<double>();
  at::NoGradGuard const no_grad;
  constexpr double kStep = 1e-2;
  bias[3] += kStep;
  auto const up = loss_of().item<double>();
  bias[3] -= 2 * kStep;
  auto const down = loss_of().item<double>();
  EXPECT_NEAR(slope, (up - down) / (2 * kStep), 2e-3 * std::abs(slope) + 1e-4);
}

TEST(LearningStep, PushesForwardWithTheGradientOfTheLastStepAlone) {
  auto const self = Communicator::self();
  tiny::Source source({.samples = 6, .batch = 6, .horizon = 3}, self);
  source.start(0, 0);
  auto const batch = *source.next();
  auto config = tiny::config();
  config.unroll.steps = 3;
  config.unroll.gradients = Through::last;
  config.seed = 0;
  auto network = std::make_shared<tiny::Network>(2, 0.0);
  LearningStep learner(network, {}, Loss({}, tiny::grid(), at::kCPU), config, self);
  auto given = batch;  // two steps later, as a constant
  {
    at::NoGradGuard const no_grad;
    for (int k = 0; k < 2; ++k) {
      given = slide_input(given, network->predict(given, {}));
    }
  }
  auto const loss = learner.loss().per_sample(network->predict(given, {}), given.target, given);
  loss.mean().backward();
  std::map<std::string, at::Tensor> expected;
  for (auto& item : network->named_parameters()) {
    expected[item.key()] =
        item.value().grad().defined() ? item.value().grad().clone() : at::Tensor();
  }
  source.start(0, 0);
  auto const result = learner.take(source, {.batches = 1, .samples = 6, .learning_rate = 0});
  EXPECT_NEAR(result.loss.item<double>(), loss.mean().item<double>(), 1e-6);
  for (auto const* name : {"inner", "bias", "outer", "even"}) {
    auto const now = network->named_parameters()[name].grad();
    EXPECT_LT((now - expected.at(name)).abs().max().item<double>(), 1e-6) << name;
  }
}

/// What a step leaves in a network's parameters; undefined where it did not use one.
std::map<std::string, at::Tensor> gradients_of_step(std::string const& network,
                                                    std::string const& model,
                                                    Activations activations) {
  auto const world = Communicator::world();
  auto const spec = tiny::spec();
  auto const made = surrogate_entry(network).make(model,
                                                  {.input_fields = spec->input_fields,
                                                   .output_fields = spec->output_fields,
                                                   .grid = spec->input_grid},
                                                  1);
  auto config = tiny::config();
  config.activations = activations;
  LearningStep learner(made, {}, Loss({}, tiny::grid(), at::kCPU), config, world);
  tiny::Source source({.samples = 12, .batch = 6}, world);
  source.start(0, 0);
  learner.take(source, {.batches = 2, .samples = 12, .learning_rate = 0});
  std::map<std::string, at::Tensor> gradients;
  for (auto const& item : made->named_parameters()) {
    gradients[item.key()] = item.value().grad();
  }
  return gradients;
}

/// The Reducer finds the same parameters used, in fine-tuning too, and sums the same gradients.
TEST(LearningStep, RecomputesActivationsOnAnyNumberOfRanks) {
  constexpr double kRoundOff = 1e-6;
  std::vector<std::pair<std::string, std::string>> const cases = {
      {"morph",
       "{dim: 16, heads: 2, depth: 2, mlp_dim: 24, heads_xa: 2, patch: [2, 2, 2], max_patches: 4}"},
      {"morph",
       "{dim: 16, heads: 2, depth: 2, mlp_dim: 24, heads_xa: 2, patch: [2, 2, 2], max_patches: 4, "
       "lora: {attention_rank: 2}, fine_tune: level1}"},
      {"gphyt",
       "{hidden_dim: 24, mlp_dim: 32, num_heads: 2, num_layers: 2, patch: [1, 2, 2], time_patch: "
       "1, "
       "history: 1, dropout: 0.1}"}};
  for (auto const& [network, model] : cases) {
    auto const kept = gradients_of_step(network, model, Activations::keep);
    auto const again = gradients_of_step(network, model, Activations::recompute);
    int64_t without = 0;
    for (auto const& [name, gradient] : kept) {
      ASSERT_EQ(again.at(name).defined(), gradient.defined()) << network << " " << name;
      without += gradient.defined() ? 0 : 1;
      if (gradient.defined()) {
        EXPECT_LT((again.at(name) - gradient).abs().max().item<double>(), kRoundOff)
            << network << " " << name;
      }
    }
    EXPECT_EQ(without > 0, network == "morph") << "q and k of axes of one patch are not used";
  }
}

TEST(LearningStep, MovesTheWeightsByTheRateAlongTheClippedGradient) {
  auto const self = Communicator::self();
  auto network = std::make_shared<tiny::Network>();
  auto config = tiny::config();
  config.clip = 0.01;
  config.adamw = {.epsilon = 1, .weight_decay = 0.1};  // so large that a step feels the gradient
  LearningStep learner(network, {}, Loss({}, tiny::grid(), at::kCPU), config, self);
  tiny::Source source({}, self);
  source.start(0, 0);
  auto const before = tiny::weights(*network);
  constexpr double kRate = 0.5;
  auto const result = learner.take(source, {.batches = 1, .samples = 6, .learning_rate = kRate});
  EXPECT_GT(result.gradient_norm.item<double>(), 10 * config.clip) << "nothing to clip";
  EXPECT_NEAR(gradient_norm(learner.optimiser().gradients()).item<double>(), config.clip, 1e-6);
  for (auto const* name : {"inner", "bias", "outer"}) {
    auto const now = network->named_parameters()[name];
    auto const& old = before.at(name);
    auto const& g = now.grad();
    // AdamW's first step: both moments are the gradient's own, the decay is decoupled.
    auto const expected = old - kRate * (g / (g.abs() + 1) + 0.1 * old);
    EXPECT_LT((now - expected).abs().max().item<double>(), 1e-6) << name;
  }
}

/// Remembers what it was given.
class Witness final : public Surrogate {
 public:
  Witness() { weight_ = register_parameter("weight", at::ones({1})); }
  at::Tensor predict(Batch const& batch, Context const&) override {
    for (size_t i = 0; i < batch.sample_ids.size(); ++i) {
      seen[batch.sample_ids[i]] = batch.input[static_cast<int64_t>(i)].clone();
    }
    return batch.input * weight_;
  }
  std::string config() const override { return ""; }
  int64_t history() const override { return 1; }
  std::array<int64_t, 3> patch() const override { return {1, 1, 1}; }

  std::map<int64_t, at::Tensor> seen;

 private:
  at::Tensor weight_;
};

std::map<int64_t, at::Tensor> inputs_of_step(Communicator const& ranks, int64_t step) {
  auto network = std::make_shared<Witness>();
  auto config = tiny::config();
  config.noise = 0.5;
  LearningStep learner(network, {}, Loss({}, tiny::grid(), at::kCPU), config, ranks);
  tiny::Source source({.samples = 6, .batch = 6}, ranks);
  source.start(0, 0);
  learner.take(source, {.step = step, .batches = 1, .samples = 6});
  return network->seen;
}

TEST(LearningStep, AddsNoiseThatDependsOnSampleAndStepOnly) {
  auto const world = Communicator::world();
  auto const self = Communicator::self();
  auto const ours = inputs_of_step(world, 4);
  auto const all = inputs_of_step(self, 4);
  auto const later = inputs_of_step(self, 5);
  tiny::Source const source({}, self);
  for (auto const& [id, input] : ours) {
    EXPECT_TRUE(at::equal(input, all.at(id))) << id;
    EXPECT_FALSE(at::equal(input, later.at(id))) << id;
    auto const noise = input - source.make({id}).input[0];
    EXPECT_NEAR(noise.std().item<double>(), 0.5, 0.25);  // 32 draws
  }
}

TEST(TrainedParameters, FreezesWhatIsInNoGroup) {
  class Partly final : public Surrogate {
   public:
    Partly() {
      register_parameter("a", at::ones({1}));
      register_parameter("b", at::ones({1}));
    }
    at::Tensor predict(Batch const& batch, Context const&) override { return batch.input; }
    std::vector<ParameterGroup> parameter_groups() const override {
      return {
          {.name = "slow", .parameters = {name}, .learning_rate_scale = 0.1, .weight_decay = 0.5}};
    }
    std::string config() const override { return ""; }
    int64_t history() const override { return 1; }
    std::array<int64_t, 3> patch() const override { return {1, 1, 1}; }
    std::string name = "b";
  };
  Partly network;
  auto const trained = trained_parameters(network, 0.01);
  ASSERT_EQ(trained.size(), 1U);
  EXPECT_EQ(trained[0].name, "b");
  EXPECT_DOUBLE_EQ(trained[0].learning_rate_scale, 0.1);
  EXPECT_DOUBLE_EQ(trained[0].weight_decay, 0.5);
  EXPECT_FALSE(network.named_parameters()["a"].requires_grad());
  network.name = "c";
  EXPECT_THROW(trained_parameters(network, 0.01), Error);
}

}  // namespace
}  // namespace eddyline
