#include "surrogates/adaptation/adapter.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/random.hpp"
#include "surrogates/layers/linear.hpp"
#include "tests/message_of.hpp"

namespace eddyline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Two linear layers, a convolution's kernel, a norm and a table.
class Small final : public Surrogate {
 public:
  Small() {
    first = register_module("first", std::make_shared<Linear>(6, 5));
    second = register_module("second", std::make_shared<Linear>(5, 4));
    auto const kernel = register_module("kernel", std::make_shared<torch::nn::Module>());
    kernel_ = kernel->register_parameter("weight", at::zeros({4, 3, 2}));
    register_module("norm", std::make_shared<LayerNorm>(4));
    register_parameter("table", at::zeros({7, 4}));
    at::NoGradGuard const no_grad;
    uint64_t layer = 0;
    for (auto const& parameter : parameters()) {
      fill_normal(parameter.view({1, -1}), {.seed = 5, .step = 0, .layer = layer++}, {0});
    }
  }
  at::Tensor predict(Batch const& batch, Context const&) override {
    auto const y = second->forward(at::tanh(first->forward(batch.input, {})), {});
    return at::einsum("ni,ijk->njk", {y, kernel_});
  }
  std::vector<ParameterGroup> parameter_groups() const override {
    auto names = named_parameters().keys();
    std::erase(names, frozen);
    return {{.name = "all", .parameters = names}};
  }
  std::string config() const override { return ""; }
  int64_t history() const override { return 1; }
  std::array<int64_t, 3> patch() const override { return {1, 1, 1}; }

  std::shared_ptr<Linear> first, second;
  std::string frozen;

 private:
  at::Tensor kernel_;
};

Batch rows() {
  Batch batch{.input = at::zeros({3, 6})};
  fill_normal(batch.input, {.seed = 2}, {0, 1, 2});
  return batch;
}

std::string refusal(AdaptConfig const& config, std::string const& frozen = "") {
  Small network;
  network.frozen = frozen;
  return message_of<Error>([&] { Adapter(network, config, {}, 1); });
}

std::vector<std::string> names(Adapter const& adapter) {
  std::vector<std::string> found;
  for (auto const& update : adapter.updates()) {
    found.push_back(update.weight);
  }
  return found;
}

void fill_b(Adapter const& adapter) {
  at::NoGradGuard const no_grad;
  for (auto const& update : adapter.updates()) {
    fill_normal(update.b.view({1, -1}), {.seed = 9}, {0});
  }
}

TEST(Adapter, TakesWeightsOfLinearMapsAndConvolutionsOnly) {
  Small network;
  EXPECT_THAT(names(Adapter(network, {.rank = 2, .layers = {"*"}}, {}, 1)),
              ElementsAre("first.weight", "second.weight", "kernel.weight"));
  EXPECT_THAT(names(Adapter(network, {.rank = 2, .layers = {"second", "kernel"}}, {}, 1)),
              ElementsAre("second.weight", "kernel.weight"));
}

TEST(Adapter, TrainsAsTheyAreWhatIsNamedOrBeginsFresh) {
  Small network;
  Adapter const adapter(
      network, {.rank = 2, .layers = {"*"}, .train = {"norm", "second"}}, {"tab"}, 1);
  EXPECT_THAT(names(adapter), ElementsAre("first.weight", "kernel.weight"));
  for (auto const* name : {"norm.weight", "norm.bias", "second.weight", "second.bias", "table"}) {
    EXPECT_TRUE(adapter.trains(name)) << name;
  }
  EXPECT_FALSE(adapter.trains("first.bias"));
}

TEST(Adapter, LeavesTheNetworkAsItWasUntilItHasLearned) {
  Small network;
  auto const before = network.predict(rows(), {}).detach();
  Adapter adapter(network, {.rank = 3, .layers = {"*"}}, {}, 1);
  adapter.attach();
  EXPECT_TRUE(at::equal(network.predict(rows(), {}), before));
  adapter.settle();
  EXPECT_TRUE(at::equal(network.predict(rows(), {}), before));
  EXPECT_GT(adapter.updates()[0].a.abs().max().item<double>(), 0.5 / std::sqrt(6.0));
  EXPECT_LE(adapter.updates()[0].a.abs().max().item<double>(), 1 / std::sqrt(6.0));
}

TEST(Adapter, AddsAlphaOverRankTimesBA) {
  constexpr double kRoundOff = 1e-5;  // float32 sums of ten terms of size one
  Small network;
  Adapter adapter(network, {.rank = 2, .alpha = 5, .layers = {"first"}}, {}, 1);
  fill_b(adapter);
  adapter.settle();
  auto const& update = adapter.updates()[0];
  auto const x = rows().input;
  // As LoRA writes it: the frozen layer's output, and the narrow path beside it.
  auto const expected = at::linear(x, update.base, network.first->bias) +
                        2.5 * at::matmul(at::matmul(x, update.a.t()), update.b.t());
  auto const merged = network.first->forward(x, {});
  EXPECT_TRUE(at::allclose(merged, expected, kRoundOff, kRoundOff));
  EXPECT_FALSE(at::allclose(merged, at::linear(x, update.base, network.first->bias), 0.1, 0.1));
}

TEST(Adapter, HasTheGradientsOfTheWeightItMakes) {
  Small network;
  network.to(at::kDouble);
  Adapter adapter(network, {.rank = 2, .layers = {"*"}}, {}, 1);
  fill_b(adapter);
  Batch batch = rows();
  batch.input = batch.input.to(at::kDouble);
  auto const loss = [&] { return network.predict(batch, {}).square().sum(); };
  adapter.attach();
  loss().backward();
  constexpr double kStep = 1e-5;
  for (auto const& update : adapter.updates()) {
    for (auto const& factor : {update.a, update.b}) {
      auto const direction = at::ones_like(factor).div_(factor.numel());
      auto const slope = (factor.grad() * direction).sum().item<double>();
      at::NoGradGuard const no_grad;
      factor.add_(direction, kStep);
      adapter.settle();
      auto const above = loss().item<double>();
      factor.sub_(direction, 2 * kStep);
      adapter.settle();
      auto const difference = (above - loss().item<double>()) / (2 * kStep);
      factor.add_(direction, kStep);
      EXPECT_NEAR(slope, difference, 1e-7 * std::abs(slope) + 1e-7) << update.weight;
      EXPECT_GT(std::abs(slope), 1e-3) << update.weight;
    }
  }
}

TEST(Adapter, GivesGradientsToNoFrozenWeightAndSurvivesSeveralBackwardPasses) {
  Small network;
  Adapter adapter(network, {.rank = 2, .layers = {"first"}}, {}, 1);
  fill_b(adapter);
  for (auto& item : network.named_parameters()) {
    item.value().set_requires_grad(false);
  }
  auto const gradient = [&] {
    auto const found = adapter.updates()[0].a.grad().clone();
    adapter.updates()[0].a.mutable_grad().reset();
    return found;
  };
  adapter.attach();
  network.predict(rows(), {}).sum().backward();
  auto const once = gradient();
  for (int pass = 0; pass < 2; ++pass) {  // two parts of an accumulated batch
    adapter.attach();
    network.predict(rows(), {}).sum().backward();
  }
  EXPECT_TRUE(at::allclose(gradient(), 2 * once));
  adapter.attach();
  for (int part = 0; part < 2; ++part) {  // two graphs through one attached weight
    network.predict(rows(), {}).sum().backward();
  }
  EXPECT_TRUE(at::allclose(gradient(), 2 * once));
  for (auto const& item : network.named_parameters()) {
    EXPECT_FALSE(item.value().is_leaf() && item.value().grad().defined()) << item.key();
  }
}

TEST(Adapter, ComesBackFromItsStateBitForBit) {
  Small network;
  Adapter adapter(network, {.rank = 2, .layers = {"*"}}, {}, 1);
  fill_b(adapter);
  adapter.settle();
  Small other;
  at::NoGradGuard const no_grad;
  for (auto& parameter : other.parameters()) {
    parameter.add_(1);
  }
  other.named_parameters()["first.bias"].sub_(1);
  other.named_parameters()["second.bias"].sub_(1);
  Adapter again(other, {.rank = 2, .layers = {"*"}}, {}, 7);
  auto state = adapter.state();
  again.load(state);
  for (auto const& update : adapter.updates()) {
    auto const& back = *again.update_of(update.weight);
    EXPECT_TRUE(at::equal(back.a, update.a) && at::equal(back.b, update.b));
    EXPECT_TRUE(at::equal(back.base, update.base)) << update.weight;
    EXPECT_TRUE(at::equal(back.value, update.value)) << update.weight;
  }
  state.erase("adapter/first.weight.B");
  try {
    again.load(state);
    FAIL() << "not refused";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(), HasSubstr("has no tensor 'adapter/first.weight.B'"));
  }
  state["adapter/first.weight.B"] = at::zeros({5, 3});
  EXPECT_THROW(again.load(state), Error);
}

TEST(Adapter, SaysWhatItCannotAdapt) {
  EXPECT_THAT(refusal({.layers = {"frist"}}),
              HasSubstr("train.adapt.layers: 'frist' fits no parameter of the network; the nearest "
                        "are first.weight, first.bias, "));
  EXPECT_THAT(refusal({.train = {"haed"}}), HasSubstr("train.adapt.train: 'haed' fits no"));
  EXPECT_THAT(refusal({.layers = {"norm"}}),
              HasSubstr("train.adapt.layers: 'norm' fits 'norm.weight', but no weight of a linear "
                        "map or a convolution"));
  EXPECT_THAT(refusal({.rank = 2, .layers = {"first"}, .train = {"first"}}),
              HasSubstr("that train.adapt.train does not train already"));
  EXPECT_THAT(refusal({.rank = 5, .layers = {"*"}}),
              HasSubstr("train.adapt.rank is 5, but 'second.weight' is a matrix (4, 5); set it to "
                        "at most 4, or let train.adapt.layers leave that weight out"));
  EXPECT_THAT(refusal({.train = {"table"}}, "table"),
              HasSubstr("train.adapt.train: 'table' fits parameters that the network itself keeps "
                        "frozen; change the model section"));
}

}  // namespace
}  // namespace eddyline
