#include "surrogates/layers/recompute.hpp"

#include <numeric>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "core/error.hpp"
#include "core/memory_count.hpp"
#include "surrogates/layers/linear.hpp"
#include "surrogates/registry.hpp"
#include "tests/numbers.hpp"

namespace eddyline {
namespace {

/// Two linear maps with dropout between, and one that is not used.
class Toy final : public torch::nn::Module {
 public:
  Toy() {
    first = register_module("first", std::make_shared<Linear>(4, 8));
    second = register_module("second", std::make_shared<Linear>(8, 4));
    idle = register_module("idle", std::make_shared<Linear>(2, 2));
    at::NoGradGuard const no_grad;
    first->weight.copy_(numbers({8, 4}, 1));
    second->weight.copy_(numbers({4, 8}, 2));
  }
  std::shared_ptr<Linear> first, second, idle;
};

Pass training_pass(Activations activations) {
  return {.training = true,
          .random = {.seed = 3, .step = 5},
          .samples = {0, 1, 2},
          .activations = activations};
}

struct Gradients {
  at::Tensor input, scale, first, second, idle;
};

Gradients gradients(Activations activations, int& evaluations) {
  auto const toy = std::make_shared<Toy>();
  auto const pass = training_pass(activations);
  auto x = numbers({3, 4}, 7).requires_grad_(true);
  auto scale = numbers({1, 4}, 8).requires_grad_(true);
  auto const y = run_segment(pass, *toy, {x.tanh(), scale}, [=, &evaluations](auto const& in) {
    ++evaluations;
    auto const hidden = drop(at::gelu(toy->first->forward(in[0], pass)), 0.5, 1, pass);
    return in[0] + in[1] * toy->second->forward(hidden, pass);
  });
  y.square().sum().backward();
  return {x.grad(),
          scale.grad(),
          toy->first->weight.grad(),
          toy->second->weight.grad(),
          toy->idle->weight.grad()};
}

TEST(Recompute, GivesTheGradientsOfKeepingBitForBitWithDropout) {
  int once = 0, twice = 0;
  auto const kept = gradients(Activations::keep, once);
  auto const again = gradients(Activations::recompute, twice);
  EXPECT_TRUE(at::equal(kept.input, again.input));
  EXPECT_TRUE(at::equal(kept.scale, again.scale));
  EXPECT_TRUE(at::equal(kept.first, again.first));
  EXPECT_TRUE(at::equal(kept.second, again.second));
  EXPECT_EQ(once, 1);
  EXPECT_EQ(twice, 2);
}

TEST(Recompute, LeavesParametersWithoutGradientThatItDoesNotUse) {
  int evaluations = 0;
  EXPECT_FALSE(gradients(Activations::recompute, evaluations).idle.defined());
}

TEST(Recompute, GivesFrozenParametersNoGradient) {
  auto const toy = std::make_shared<Toy>();
  toy->first->weight.set_requires_grad(false);
  auto const pass = training_pass(Activations::recompute);
  auto const x = numbers({3, 4}, 7).requires_grad_(true);
  run_segment(
      pass,
      *toy,
      {x},
      [=](auto const& in) { return toy->second->forward(toy->first->forward(in[0], pass), pass); })
      .sum()
      .backward();
  EXPECT_FALSE(toy->first->weight.grad().defined());
  EXPECT_TRUE(toy->second->weight.grad().defined());
  EXPECT_TRUE(x.grad().defined());
}

TEST(Recompute, EvaluatesOnceWithoutGradients) {
  auto const toy = std::make_shared<Toy>();
  int evaluations = 0;
  at::NoGradGuard const no_grad;
  auto const y = run_segment(
      training_pass(Activations::recompute), *toy, {numbers({3, 4}, 7)}, [&](auto const& in) {
        ++evaluations;
        return toy->first->forward(in[0], {});
      });
  EXPECT_FALSE(y.requires_grad());
  EXPECT_EQ(evaluations, 1);
}

TEST(Recompute, RefusesParametersThatChangedBeforeTheBackwardPass) {
  auto const toy = std::make_shared<Toy>();
  auto const x = numbers({3, 4}, 7).requires_grad_(true);
  auto const y = run_segment(training_pass(Activations::recompute), *toy, {x}, [=](auto const& in) {
    return toy->first->forward(in[0], {});
  });
  {
    at::NoGradGuard const no_grad;
    toy->first->weight.mul_(2);
  }
  EXPECT_THROW(y.sum().backward(), c10::Error);
}

/// A network of eight blocks and a batch whose activations outweigh its parameters.
struct DeepCase {
  std::string network, model;
  std::vector<int64_t> cells;
  std::vector<std::string> fields;
  int64_t samples;
};

class DeepNetwork : public testing::TestWithParam<DeepCase> {};

Axis axis(std::string const& name, int64_t size) {
  Axis made{.name = name, .coordinates = std::vector<double>(static_cast<size_t>(size))};
  std::iota(made.coordinates.begin(), made.coordinates.end(), 0.0);
  return made;
}

SurrogateSpec spec_of(DeepCase const& deep) {
  std::vector<Field> fields;
  for (auto const& name : deep.fields) {
    fields.push_back({.name = name});
  }
  std::vector<Axis> axes;
  bool const is_map = deep.network == "climax";
  std::vector<std::string> const names = is_map ? std::vector<std::string>{"latitude", "longitude"}
                                                : std::vector<std::string>{"x", "y", "z"};
  for (size_t i = 0; i < deep.cells.size(); ++i) {
    axes.push_back(axis(names[i], deep.cells[i]));
  }
  return {.input_fields = FieldSet(fields), .output_fields = FieldSet(fields), .grid = Grid(axes)};
}

/// The share of the activations' memory that is left where the specification asks for 40 %.
constexpr double kMostOfTheMemory = 0.40;

TEST_P(DeepNetwork, HoldsAtMostTwoFifthsOfItsActivations) {
  auto const& deep = GetParam();
  auto const spec = spec_of(deep);
  auto const model = surrogate_entry(deep.network).make(deep.model, spec, 1);
  auto const shape = spec.grid.shape();
  Batch batch;
  batch.input = numbers(
      {deep.samples, model->history(), spec.input_fields.channels(), shape[0], shape[1], shape[2]},
      3);
  batch.lead_time = at::ones({deep.samples});
  batch.sample_ids.resize(static_cast<size_t>(deep.samples));
  std::iota(batch.sample_ids.begin(), batch.sample_ids.end(), 0);
  auto const step = [&](Activations activations) {
    model->predict(batch, {.activations = activations}).square().mean().backward();
  };
  step(Activations::keep);  // afterwards all gradients are there
  auto const kept = allocator_peak([&] { step(Activations::keep); });
  auto const left = allocator_peak([&] { step(Activations::recompute); });
  auto const share = static_cast<double>(left) / static_cast<double>(kept);
  RecordProperty("kept_bytes", std::to_string(kept));
  RecordProperty("share", std::to_string(share));
  std::cout << deep.network << ": " << left << " of " << kept << " bytes, " << share << "\n";
  EXPECT_LE(share, kMostOfTheMemory);
  EXPECT_GT(share, 0.02) << "nothing was measured";
}

INSTANTIATE_TEST_SUITE_P(
    Recompute,
    DeepNetwork,
    testing::Values(
        DeepCase{"morph",
                 "{dim: 64, heads: 4, depth: 8, mlp_dim: 256, heads_xa: 4, patch: [4, 4, 4], "
                 "max_patches: 256}",
                 {64, 64},
                 {"u", "v"},
                 4},
        DeepCase{"gphyt",
                 "{hidden_dim: 96, mlp_dim: 384, num_heads: 4, num_layers: 8, patch: [1, 8, 8], "
                 "time_patch: 1, history: 4}",
                 {64, 64},
                 {"u", "v"},
                 4},
        DeepCase{"climax",
                 "{variables: [2m_temperature, geopotential_500], patch: [1, 2, 2], dim: 64, "
                 "depth: 8, decoder_depth: 2, heads: 4}",
                 {32, 64},
                 {"2m_temperature", "geopotential_500"},
                 2},
        DeepCase{"ifactformer",
                 "{dim: 48, heads: 2, dim_head: 24, depth: 8, n_layer: 10}",
                 {8, 8, 8},
                 {"u", "v", "w"},
                 2},
        DeepCase{"unet",
                 "{features: 16, blocks_per_stage: 8, blocks_at_neck: 8}",
                 {64, 64},
                 {"u", "v"},
                 2}),
    [](auto const& instance) { return instance.param.network; });

}  // namespace
}  // namespace eddyline
