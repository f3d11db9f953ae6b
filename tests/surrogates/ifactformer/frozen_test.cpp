#include "surrogates/ifactformer/frozen.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/ifactformer/ifactformer.hpp"

namespace eddyline {
namespace {

constexpr double kRoundOff = 1e-5;

Axis axis(std::string const& name, int64_t size, double step = 1) {
  Axis made{.name = name, .coordinates = std::vector<double>(static_cast<size_t>(size))};
  for (size_t i = 0; i < made.coordinates.size(); ++i) {
    made.coordinates[i] = step * static_cast<double>(i);
  }
  return made;
}

SurrogateSpec spec() {
  FieldSet const fields({{.name = "velocity", .components = {"x", "y", "z"}, .order = 1}});
  return {.input_fields = fields,
          .output_fields = fields,
          .grid = Grid({axis("x", 4), axis("y", 5), axis("z", 6)})};
}

IFactFormerConfig tiny(IFactVariant variant) {
  return {.variant = variant,
          .dim = 12,
          .heads = 2,
          .dim_head = 4,
          .depth = 2,
          .n_layer = 3,
          .history = 2};
}

/// Kernels that matter: queries and keys begin a hundred times smaller than other weights.
IFactFormer network_of(IFactVariant variant) {
  IFactFormer network(tiny(variant), spec(), 1);
  network.eval();
  at::NoGradGuard const no_grad;
  at::manual_seed(1);
  for (auto const& parameter : network.parameters()) {
    parameter.add_(at::randn(parameter.sizes()) * 0.1);
  }
  return network;
}

Batch batch() {
  at::manual_seed(2);
  return {.input = at::randn({3, 2, 3, 4, 5, 6})};
}

double distance(at::Tensor const& a, at::Tensor const& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  return (a - b).abs().max().item<double>();
}

TEST(FrozenIFactFormer, EqualsTheNetworkInBothVariants) {
  c10::InferenceMode const inference;
  for (auto const variant : {IFactVariant::m, IFactVariant::o}) {
    auto network = network_of(variant);
    auto const frozen = network.freeze(Precision::fp32);
    EXPECT_LE(distance(frozen->predict(batch()), network.predict(batch(), {})), kRoundOff);
  }
}

TEST(FrozenIFactFormer, TakesOtherGridsAndComesBack) {
  c10::InferenceMode const inference;
  auto network = network_of(IFactVariant::m);
  auto const frozen = network.freeze(Precision::fp32);
  auto other = batch();
  auto const there = std::make_shared<BatchSpec>();
  there->input_grid = Grid({axis("x", 4, 0.3), axis("y", 5), axis("z", 6)});
  other.spec = there;
  auto const expected = network.predict(other, {});
  EXPECT_LE(distance(frozen->predict(other), expected), kRoundOff);
  EXPECT_GT(distance(frozen->predict(batch()), expected), 1e-3);
  EXPECT_LE(distance(frozen->predict(batch()), network.predict(batch(), {})), kRoundOff);
}

TEST(FrozenIFactFormer, InBfloat16IsNear) {
  c10::InferenceMode const inference;
  for (auto const variant : {IFactVariant::m, IFactVariant::o}) {
    auto network = network_of(variant);
    auto const exact = network.predict(batch(), {});
    auto const rough = network.freeze(Precision::bf16)->predict(batch());
    EXPECT_EQ(rough.scalar_type(), at::kFloat);
    EXPECT_GT(distance(rough, exact), kRoundOff);
    EXPECT_LE(distance(rough, exact), 0.05 * exact.abs().max().item<double>());
  }
}

TEST(FrozenIFactFormer, RefusesWhatTheNetworkRefuses) {
  c10::InferenceMode const inference;
  auto const frozen = network_of(IFactVariant::m).freeze(Precision::fp32);
  try {
    frozen->predict({.input = at::zeros({1, 2, 3, 4, 5, 7})});
    FAIL() << "no error";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(),
                testing::HasSubstr("the batch has 4 x 5 x 7 cells, but its grid 4 x 5 x 6"));
  }
}

}  // namespace
}  // namespace eddyline
