#include "surrogates/climax/frozen.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/climax/climax.hpp"

namespace eddyline {
namespace {

constexpr double kRoundOff = 1e-5;  // float32 sums of tens of terms of size one

FieldSet fields(std::vector<std::string> const& names) {
  std::vector<Field> made;
  for (auto const& name : names) {
    made.push_back({.name = name});
  }
  return FieldSet(made);
}

Grid globe(int64_t rows, int64_t columns) {
  Axis latitude{.name = "latitude", .coordinates = {}},
      longitude{.name = "longitude", .coordinates = {}};
  for (int64_t i = 0; i < rows; ++i) {
    latitude.coordinates.push_back(-90 + 180 * (static_cast<double>(i) + 0.5) /
                                             static_cast<double>(rows));
  }
  for (int64_t i = 0; i < columns; ++i) {
    longitude.coordinates.push_back(360 * static_cast<double>(i) / static_cast<double>(columns));
  }
  return Grid({latitude, longitude}, Geometry::lat_lon);
}

ClimaxConfig small() {
  return {.variables = {"a", "b", "c", "d"},
          .patch = {1, 2, 2},
          .dim = 16,
          .depth = 2,
          .decoder_depth = 1,
          .heads = 2,
          .mlp_ratio = 2};
}

ClimaxConfig projection() {
  auto config = small();
  config.variant = ClimaxVariant::projection;
  config.history = 3;
  return config;
}

ClimaxConfig regional() {
  auto config = small();
  config.variant = ClimaxVariant::regional;
  config.box = {-45, 50, 300, 100};  // crosses 0°
  return config;
}

/// Reads c and a, predicts b and c; a projection predicts b.
std::shared_ptr<Climax> network(ClimaxConfig const& config) {
  auto const outputs = config.variant == ClimaxVariant::projection
                           ? std::vector<std::string>{"b"}
                           : std::vector<std::string>{"c", "b"};
  auto const climax = std::make_shared<Climax>(config,
                                               SurrogateSpec{.input_fields = fields({"c", "a"}),
                                                             .output_fields = fields(outputs),
                                                             .grid = globe(8, 12)},
                                               1);
  at::manual_seed(1);
  at::NoGradGuard const no_grad;
  for (auto& parameter : climax->parameters()) {  // also what begins at zero
    parameter.add_(at::randn(parameter.sizes()) * 0.1);
  }
  climax->eval();
  return climax;
}

Batch batch_of(Climax const& climax, int64_t rows = 8, int64_t columns = 12) {
  return {.input = at::randn({2, climax.history(), 2, 1, rows, columns}),
          .lead_time = at::tensor({6.0F, 72.0F})};
}

double distance(at::Tensor const& a, at::Tensor const& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  return (a - b).abs().max().item<double>();
}

TEST(FrozenClimax, EqualsItsNetworkInEveryVariant) {
  at::NoGradGuard const no_grad;
  for (auto const& config : {small(), regional(), projection()}) {
    auto const climax = network(config);
    auto const batch = batch_of(*climax);
    auto const expected = climax->predict(batch, {});
    EXPECT_LE(distance(climax->freeze(Precision::fp32)->predict(batch), expected), kRoundOff);
  }
}

TEST(FrozenClimax, EqualsItsNetworkInBothLayoutsOfTokensAndWithoutHiddenLayersOfTheHead) {
  at::NoGradGuard const no_grad;
  auto config = small();
  config.tokens = TokenLayout::parallel;
  config.decoder_depth = 0;
  auto const climax = network(config);
  auto const batch = batch_of(*climax);
  auto const expected = climax->predict(batch, {});
  EXPECT_LE(distance(climax->freeze(Precision::fp32)->predict(batch), expected), kRoundOff);
}

TEST(FrozenClimax, ServesGridsOfOtherSizesInTurn) {
  at::NoGradGuard const no_grad;
  auto const climax = network(small());
  auto const frozen = climax->freeze(Precision::fp32);
  for (auto const rows : {8, 4, 12, 8}) {
    auto const batch = batch_of(*climax, rows, 16);
    EXPECT_LE(distance(frozen->predict(batch), climax->predict(batch, {})), kRoundOff) << rows;
  }
}

TEST(FrozenClimax, IsCloseInBfloat16) {
  at::NoGradGuard const no_grad;
  for (auto const& config : {small(), projection()}) {
    auto const climax = network(config);
    auto const batch = batch_of(*climax);
    auto const expected = climax->predict(batch, {});
    auto const rough = climax->freeze(Precision::bf16)->predict(batch);
    EXPECT_EQ(rough.scalar_type(), at::kFloat);
    EXPECT_GT(distance(rough, expected), 0);
    EXPECT_LE(distance(rough, expected), 0.1 * expected.abs().max().item<double>());  // 8 bits
  }
}

TEST(FrozenClimax, DoesNotChangeWithItsNetwork) {
  for (auto const& config : {small(), projection()}) {
    auto const climax = network(config);
    auto const frozen = climax->freeze(Precision::fp32);
    c10::InferenceMode const inference;
    auto const batch = batch_of(*climax);
    auto const expected = climax->predict(batch, {});
    for (auto& parameter : climax->parameters()) {
      parameter.zero_();
    }
    EXPECT_LE(distance(frozen->predict(batch), expected), kRoundOff);
  }
}

TEST(FrozenClimax, RefusesWhatItsNetworkRefuses) {
  auto const frozen = network(small())->freeze(Precision::fp32);
  auto const message_of = [&](std::vector<int64_t> const& shape) -> std::string {
    try {
      frozen->predict({.input = at::zeros(shape), .lead_time = at::ones({1})});
    } catch (Error const& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_THAT(message_of({1, 2, 2, 1, 8, 12}),
              testing::HasSubstr("there are 2 input frames, model.history is 1"));
  EXPECT_THAT(message_of({1, 1, 2, 1, 8, 11}),
              testing::HasSubstr("axis W has 11 points, not a multiple of patch 2"));
  EXPECT_THAT(message_of({1, 1, 2, 2, 8, 12}), testing::HasSubstr("ClimaX has two dimensions"));
}

}  // namespace
}  // namespace eddyline
