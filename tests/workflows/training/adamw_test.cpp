#include "workflows/training/adamw.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/optim/adamw.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

/// Same formula, other order of operations: a few units in the last place of float32 a step.
constexpr double kRoundOff = 1e-6;

at::Tensor leaf(std::vector<int64_t> const& shape, int seed) {
  at::manual_seed(seed);
  return at::randn(shape).requires_grad_(true);
}

void set_gradient(at::Tensor& parameter, int seed) {
  at::manual_seed(seed);
  parameter.mutable_grad() = at::randn(parameter.sizes());
}

TEST(AdamW, EqualsPyTorchOverManySteps) {
  auto ours = leaf({5, 7}, 1);
  auto theirs = leaf({5, 7}, 1);
  AdamW optimiser({{"w", ours, 1.0, 0.05}}, {.weight_decay = 0.05});
  torch::optim::AdamW reference({theirs}, torch::optim::AdamWOptions(3e-3).weight_decay(0.05));
  for (int step = 0; step < 50; ++step) {
    set_gradient(ours, 100 + step);
    set_gradient(theirs, 100 + step);
    optimiser.step(3e-3);
    reference.step();
  }
  EXPECT_LT((ours - theirs).abs().max().item<double>(), kRoundOff);
  EXPECT_GT((ours - leaf({5, 7}, 1)).abs().max().item<double>(), 1e-2);
}

TEST(AdamW, SkipsAParameterWithoutGradientAltogether) {
  auto used = leaf({4}, 1);
  auto unused = leaf({4}, 2);
  auto const before = unused.detach().clone();
  AdamW optimiser({{"used", used, 1, 0.5}, {"unused", unused, 1, 0.5}}, {});
  set_gradient(used, 3);
  optimiser.step(1e-2);
  EXPECT_TRUE(at::equal(unused, before));  // not even decayed
  EXPECT_FALSE(optimiser.save().contains("unused/step"));
  set_gradient(unused, 4);
  optimiser.step(1e-2);
  EXPECT_EQ(optimiser.save().at("unused/step").item<float>(), 1);
  EXPECT_EQ(optimiser.save().at("used/step").item<float>(), 2);
}

TEST(AdamW, ScalesRateAndDecayByGroup) {
  auto fast = leaf({4}, 1);
  auto slow = leaf({4}, 1);
  auto const before = fast.detach().clone();
  AdamW optimiser({{"fast", fast, 1, 0}, {"slow", slow, 0.1, 0}}, {});
  set_gradient(fast, 3);
  set_gradient(slow, 3);
  optimiser.step(1e-2);
  EXPECT_TRUE(at::allclose((fast - before) * 0.1, slow - before, 1e-4, 1e-8));
}

TEST(AdamW, GoesOnBitForBitAfterSaveAndLoad) {
  auto a = leaf({6}, 1);
  AdamW first({{"w", a, 1, 0.01}}, {});
  for (int step = 0; step < 3; ++step) {
    set_gradient(a, step);
    first.step(1e-2);
  }
  auto b = a.detach().clone().requires_grad_(true);
  AdamW second({{"w", b, 1, 0.01}}, {});
  second.load(first.save());
  set_gradient(a, 9);
  set_gradient(b, 9);
  first.step(1e-2);
  second.step(1e-2);
  EXPECT_TRUE(at::equal(a, b));
}

TEST(AdamW, RefusesAStateOfAnotherNetwork) {
  auto a = leaf({6}, 1);
  AdamW first({{"w", a, 1, 0.01}}, {});
  set_gradient(a, 1);
  first.step(1e-2);
  auto b = leaf({7}, 1);
  AdamW other_shape({{"w", b, 1, 0.01}}, {});
  AdamW other_name({{"v", a, 1, 0.01}}, {});
  EXPECT_THROW(other_shape.load(first.save()), Error);
  try {
    other_name.load(first.save());
    FAIL() << "not refused";
  } catch (Error const& error) {
    EXPECT_NE(std::string(error.what()).find("trains no parameter 'w'"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace eddyline
