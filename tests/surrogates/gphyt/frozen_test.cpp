#include "surrogates/gphyt/frozen.hpp"

#include <gmock/gmock.h>

#include <numeric>

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/gphyt/gphyt.hpp"

namespace eddyline {
namespace {

constexpr double kRoundOff = 1e-5;  // of values of size one; measured: below 3e-6

Axis axis(std::string const& name, int64_t size) {
  Axis made{.name = name, .coordinates = std::vector<double>(static_cast<size_t>(size))};
  std::iota(made.coordinates.begin(), made.coordinates.end(), 0.0);
  return made;
}

SurrogateSpec spec() {
  FieldSet const fields({{.name = "a"}, {.name = "b"}});
  return {
      .input_fields = fields, .output_fields = fields, .grid = Grid({axis("x", 8), axis("y", 12)})};
}

GphytConfig tiny() {
  return {.hidden_dim = 12,
          .mlp_dim = 16,
          .num_heads = 2,
          .num_layers = 2,
          .patch = {1, 4, 2},
          .time_patch = 2,
          .history = 4};
}

/// Every parameter drawn anew, so that biases and norms matter.
Gphyt network_of(GphytConfig const& config) {
  Gphyt network(config, spec(), 1);
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
  return {.input = at::randn({3, 4, 2, 1, 8, 12})};
}

double difference_of(Gphyt& network, Precision precision) {
  at::NoGradGuard const no_grad;
  auto const exact = network.predict(batch(), {});
  auto const frozen = network.freeze(precision)->predict(batch());
  EXPECT_EQ(frozen.sizes(), exact.sizes());
  EXPECT_EQ(frozen.scalar_type(), at::kFloat);
  return (frozen - exact).abs().max().item<double>();
}

void expect_same(GphytConfig const& config) {
  auto network = network_of(config);
  EXPECT_LE(difference_of(network, Precision::fp32), kRoundOff);
}

TEST(FrozenGphyt, EqualsTheNetworkForEveryAttentionPositionAndIntegrator) {
  for (auto const& [attention, mode] : EnumNames<GphytAttentionMode>::names) {
    for (auto const& [positions, kind] : EnumNames<GphytPositions>::names) {
      for (auto const& [integrator, step] : EnumNames<GphytIntegrator>::names) {
        SCOPED_TRACE(concat(mode, " ", kind, " ", step));
        auto config = tiny();
        config.attention = attention;
        config.positions = positions;
        config.integrator = integrator;
        expect_same(config);
      }
    }
  }
}

TEST(FrozenGphyt, EqualsTheNetworkWhateverTheTokens) {
  std::vector<GphytEndConfig> const ends = {
      {}, {.overlap = 2}, {.mode = GphytTokens::conv_net, .channels = std::vector<int64_t>{6}}};
  for (auto const& in : ends) {
    for (auto const& out : ends) {
      for (bool const derivatives : {true, false}) {
        for (auto const attention : {GphytAttentionMode::full, GphytAttentionMode::spatial}) {
          auto config = tiny();
          config.tokenizer = in;
          config.detokenizer = out;
          config.derivatives = derivatives;
          config.attention = attention;
          SCOPED_TRACE(print_config(config));
          expect_same(config);
        }
      }
    }
  }
}

TEST(FrozenGphyt, RoundsCellsBeforeDifferencesWhereTheNetworkDoes) {
  auto config = tiny();
  config.differences = GphytDifferences::bf16;
  expect_same(config);
}

TEST(FrozenGphyt, TakesPatchesOfOneCellAndOneFrame) {
  auto config = tiny();
  config.patch = {1, 1, 1};
  config.time_patch = 1;
  expect_same(config);
}

TEST(FrozenGphyt, InBfloat16IsNear) {
  auto network = network_of(tiny());
  auto const difference = difference_of(network, Precision::bf16);
  EXPECT_GT(difference, 1e-5);
  EXPECT_LE(difference, 0.1);  // 8 bits of mantissa, values up to 4
}

TEST(FrozenGphyt, GivesThePredictedFieldsAlone) {
  auto fewer = spec();
  fewer.output_fields = FieldSet({{.name = "b"}});
  Gphyt network(tiny(), fewer, 1);
  network.eval();
  c10::InferenceMode const inference;
  auto const expected = network.predict(batch(), {});
  auto const got = network.freeze(Precision::fp32)->predict(batch());
  ASSERT_EQ(got.size(2), 1);
  EXPECT_LE((got - expected).abs().max().item<double>(), kRoundOff);
}

TEST(FrozenGphyt, RefusesWhatTheNetworkRefuses) {
  auto const frozen = network_of(tiny()).freeze(Precision::fp32);
  at::NoGradGuard const no_grad;
  try {
    frozen->predict({.input = at::zeros({1, 4, 2, 1, 8, 16})});
    FAIL() << "no error";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("the table of positions was made for 8 × 12"));
  }
}

}  // namespace
}  // namespace eddyline
