// What fine-tuning promises of every network of the registry.
#include "tests/surrogates/contract.hpp"

#include <algorithm>
#include <map>

#include "surrogates/adaptation/adapter.hpp"

namespace eddyline {
namespace {

class LowRankContract : public SurrogateContract {};

/// Low-rank updates of all its weights, as they are after some training.
Adapter adapter_of(Surrogate& model) {
  Adapter adapter(model, {.rank = 1, .layers = {"*"}}, {}, 3);
  at::NoGradGuard const no_grad;
  for (auto const& update : adapter.updates()) {
    fill_normal(update.b.view({1, -1}), {.seed = 4}, {0});
    update.b.mul_(0.1);
  }
  return adapter;
}

TEST_P(LowRankContract, IsAdaptedByLowRankUpdatesThatBeginAtZero) {
  auto const model = make();
  model->eval();
  auto const batch = make_batch(*model, spec_, 2);
  auto const before = model->predict(batch, {}).detach();
  Adapter(*model, {.rank = 1, .layers = {"*"}}, {}, 3).attach();
  EXPECT_TRUE(at::equal(model->predict(batch, {}), before));
  auto adapter = adapter_of(*model);
  adapter.settle();
  at::NoGradGuard const no_grad;
  auto const after = model->predict(batch, {});
  EXPECT_GT(distance(after, before), kRoundOff);
  if (auto const frozen = model->freeze(Precision::fp32)) {
    EXPECT_LE(distance(frozen->predict(batch), after), kRoundOff);
  }
}

/// In float64, where round-off does not hide an error.
Batch exact(Batch batch) {
  for (auto* part : {&batch.input, &batch.target, &batch.lead_time}) {
    *part = part->to(at::kDouble);
  }
  return batch;
}

TEST_P(LowRankContract, ItsLowRankUpdatesHaveTheGradientsOfTheirWeights) {
  constexpr double kExact = 1e-12;  // float64 sums of a few hundred terms
  auto const model = make(), plain = make();
  model->to(at::kDouble);
  plain->to(at::kDouble);
  auto const batch = exact(make_batch(*model, spec_, 1));
  auto const learn = [&](Surrogate& network) {
    network.eval();
    (network.predict(batch, {}) - batch.target).square().mean().backward();
  };
  auto adapter = adapter_of(*model);
  adapter.settle();
  {
    at::NoGradGuard const no_grad;
    for (auto& item : plain->named_parameters()) {
      item.value().copy_(model->named_parameters()[item.key()]);
    }
  }
  learn(*plain);
  adapter.attach();
  learn(*model);
  auto const parameters = plain->named_parameters();
  for (auto const& update : adapter.updates()) {
    auto const whole = parameters[update.weight].grad().flatten(1);
    auto const a = 2 * at::matmul(update.b.t(), whole), b = 2 * at::matmul(whole, update.a.t());
    EXPECT_LE(distance(update.a.grad(), a), kExact * a.abs().max().item<double>() + kExact);
    EXPECT_LE(distance(update.b.grad(), b), kExact * b.abs().max().item<double>() + kExact);
  }
}

TEST_P(LowRankContract, ItsLowRankUpdatesHaveTheSameGradientsFromRecomputedActivations) {
  auto const gradients = [&](Activations activations) {
    auto const model = make();
    auto const batch = make_batch(*model, spec_, 2);
    auto adapter = adapter_of(*model);
    adapter.attach();
    Context const context{.random = {.seed = 11, .step = 5}, .activations = activations};
    (model->predict(batch, context) - batch.target).square().mean().backward();
    std::map<std::string, at::Tensor> all;
    for (auto const& update : adapter.updates()) {
      all[update.weight + ".A"] = update.a.grad();
      all[update.weight + ".B"] = update.b.grad();
    }
    return all;
  };
  auto const kept = gradients(Activations::keep);
  for (auto const& [name, gradient] : gradients(Activations::recompute)) {
    ASSERT_TRUE(gradient.defined()) << name;
    auto const scale = std::max(1.0, kept.at(name).abs().max().item<double>());
    EXPECT_LE(distance(gradient, kept.at(name)), kRoundOff * scale) << name;
  }
}

TEST_P(LowRankContract, ItsLowRankUpdatesHaveTheGradientsOfDifferences) {
  if (!contract_.exact_gradient) {
    return;
  }
  auto const model = make();
  model->eval();
  model->to(at::kDouble);
  auto const batch = exact(make_batch(*model, spec_, 1));
  auto const loss = [&] { return (model->predict(batch, {}) - batch.target).square().mean(); };
  auto adapter = adapter_of(*model);
  adapter.attach();
  loss().backward();
  at::NoGradGuard const no_grad;
  constexpr double kStep = 1e-5, kTolerance = 1e-5;  // of truncation and cancellation together
  for (auto const& update : adapter.updates()) {
    auto const size = at::stack({update.a.grad().norm(), update.b.grad().norm()}).norm();
    auto const slope = size.item<double>();
    auto const move = [&](double by) {  // along the gradient: wrong ones show most
      update.a.add_(update.a.grad() / size, by);
      update.b.add_(update.b.grad() / size, by);
      adapter.settle();
      return loss().item<double>();
    };
    auto const above = move(kStep), below = move(-2 * kStep);
    move(kStep);
    EXPECT_NEAR((above - below) / (2 * kStep), slope, kTolerance * slope + 1e-9) << update.weight;
    EXPECT_GT(slope, 0) << update.weight;
  }
}

INSTANTIATE_TEST_SUITE_P(Registry,
                         LowRankContract,
                         testing::ValuesIn(surrogate_names()),
                         [](auto const& instance) { return instance.param; });

}  // namespace
}  // namespace eddyline
