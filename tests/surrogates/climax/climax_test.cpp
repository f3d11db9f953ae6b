#include "surrogates/climax/climax.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "bench/climax_plain.hpp"
#include "core/error.hpp"
#include "surrogates/climax/positions.hpp"
#include "tests/message_of.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

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

SurrogateSpec data(std::vector<std::string> const& inputs,
                   std::vector<std::string> const& outputs,
                   Grid const& grid = globe(8, 12)) {
  return {.input_fields = fields(inputs), .output_fields = fields(outputs), .grid = grid};
}

ClimaxConfig small() {
  return {.variables = {"a", "b", "c", "d"},
          .patch = {1, 2, 2},
          .dim = 16,
          .depth = 1,
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

int64_t parameters_of(ClimaxConfig const& config, SurrogateSpec const& spec) {
  int64_t total = 0;
  for (auto const& parameter : Climax(config, spec, 1).parameters()) {
    total += parameter.numel();
  }
  return total;
}

double distance(at::Tensor const& a, at::Tensor const& b) {
  return (a - b).abs().max().item<double>();
}

TEST(Climax, HasUpstreamsNumberOfParameters) {
  auto const spec = data({"t2m"}, {"t2m"}, globe(32, 64));
  EXPECT_EQ(parameters_of({}, spec), 108'088'512);
  EXPECT_EQ(parameters_of({.dim = 128, .depth = 1, .tokens = TokenLayout::parallel}, spec),
            parameters_of({.dim = 128, .depth = 1}, spec));
}

TEST(Climax, StartsFromUpstreamsDistributions) {
  ClimaxConfig const config{.variables = climatebench_variables(), .dim = 128, .depth = 1};
  Climax const climax(config, data({"CO2"}, {"BC"}), 1);
  auto const parameters = climax.named_parameters();
  auto const largest = [&](std::string const& name) {
    return parameters[name].abs().max().item<double>();
  };
  EXPECT_TRUE(at::equal(parameters["var_embed"][0], sine_table(4, 128)));
  EXPECT_TRUE(at::equal(parameters["pos_embed"][0], sine_table(std::array<int64_t, 2>{4, 6}, 128)));
  EXPECT_EQ(largest("var_query"), 0);
  EXPECT_NEAR(largest("var_agg.in_proj_weight"), std::sqrt(6.0 / 512), 1e-4);
  for (auto const* name : {"var_agg.in_proj_bias", "var_agg.out_proj.bias", "head.0.bias"}) {
    EXPECT_EQ(largest(name), 0) << name;
  }
  for (auto const* name : {"var_agg.out_proj.weight", "blocks.0.mlp.fc1.weight", "head.2.weight"}) {
    EXPECT_NEAR(parameters[name].std().item<double>(), 0.02, 4e-4) << name;
  }
  EXPECT_NEAR(parameters["token_embeds.0.proj.weight"].std().item<double>(), 0.02, 2e-3);
  EXPECT_NEAR(largest("token_embeds.0.proj.bias"), 0.5, 0.02);  // 1/p
  EXPECT_TRUE(at::equal(parameters["norm.weight"], at::ones({128})));
}

TEST(Climax, AProjectionsLastPartsStartAsPyTorchsOwn) {
  auto config = projection();
  config.dim = 128;
  Climax const climax(config, data({"a"}, {"tas"}), 1);
  auto const parameters = climax.named_parameters();
  EXPECT_TRUE(at::equal(parameters["time_pos_embed"][0], sine_table(3, 128)));
  EXPECT_EQ(parameters["time_query"].abs().max().item<double>(), 0);
  for (auto const* name : {"time_agg.out_proj.weight", "head.weight", "head.bias"}) {
    EXPECT_NEAR(parameters[name].abs().max().item<double>(), 1 / std::sqrt(128.0), 2e-3) << name;
  }
  EXPECT_EQ(parameters["time_agg.out_proj.bias"].abs().max().item<double>(), 0);
}

TEST(Climax, BothLayoutsOfTokensBeginEqual) {
  auto config = small();
  auto const spec = data({"b", "d"}, {"a"});
  Climax serial(config, spec, 5);
  config.tokens = TokenLayout::parallel;
  Climax parallel(config, spec, 5);
  auto const x = at::rand({2, 1, 2, 8, 12});
  auto const lead = at::rand({2});
  EXPECT_TRUE(at::equal(serial.forward(x, lead, {}), parallel.forward(x, lead, {})));
}

TEST(Climax, PredictsVariablesThatAreNoInputsByName) {
  auto const x = at::rand({1, 1, 2, 8, 12});
  auto const lead = at::zeros({1});
  Climax const some(small(), data({"b", "d"}, {"c", "a"}), 1);
  Climax const all(small(), data({"b", "d"}, {"a", "b", "c", "d"}), 1);
  auto const expected = all.forward(x, lead, {});
  auto const chosen = some.forward(x, lead, {});
  EXPECT_LE(distance(chosen.select(1, 0), expected.select(1, 2)), 1e-6);
  EXPECT_LE(distance(chosen.select(1, 1), expected.select(1, 0)), 1e-6);
}

TEST(Climax, DoesNotKnowTheOrderOfItsInputs) {
  auto const x = at::rand({1, 1, 2, 8, 12});
  auto const lead = at::zeros({1});
  Climax const forward(small(), data({"b", "d"}, {"a"}), 1);
  Climax const back(small(), data({"d", "b"}, {"a"}), 1);
  EXPECT_LE(distance(forward.forward(x, lead, {}), back.forward(x.flip({2}), lead, {})), 1e-6);
}

TEST(Climax, HeedsTheLeadTimeOfEachSample) {
  auto const x = at::rand({1, 1, 1, 8, 12});
  Climax const climax(small(), data({"a"}, {"a"}), 1);
  auto const both = climax.forward(x.expand({2, 1, 1, 8, 12}), at::tensor({0.06F, 1.68F}), {});
  EXPECT_GT(distance(both[0], both[1]), 1e-5);
  EXPECT_LE(distance(climax.forward(x, at::tensor({1.68F}), {})[0], both[1]), 1e-6);
}

/// One state, many lead times: the first part is the same for all.
TEST(Climax, ForecastsFromOneEmbedding) {
  auto const x = at::rand({1, 1, 1, 8, 12});
  Climax const climax(small(), data({"a"}, {"a"}), 1);
  auto const embedded = climax.embed(x, {}).expand({2, 24, 16});
  auto const lead = at::tensor({0.06F, 1.68F});
  auto const expected = climax.forward(x.expand({2, 1, 1, 8, 12}), lead, {});
  EXPECT_LE(distance(climax.forecast(embedded, lead, {1, 8, 12}, {}), expected), 1e-6);
}

TEST(Climax, ResamplesItsPositionsForOtherGrids) {
  auto config = small();
  config.grid = {8, 12};
  Climax climax(config, data({"a"}, {"a"}, globe(16, 20)), 1);
  auto const pred = climax.forward(at::rand({1, 1, 1, 16, 20}), at::zeros({1}), {});
  EXPECT_EQ(pred.sizes().vec(), (std::vector<int64_t>{1, 1, 16, 20}));
  config.grid = {16, 20};
  Climax resampled(config, data({"a"}, {"a"}, globe(16, 20)), 1);
  at::NoGradGuard const no_grad;
  auto const table = climax.named_parameters()["pos_embed"];
  resampled.named_parameters()["pos_embed"].copy_(resample_positions(table, {4, 6}, {8, 10}));
  auto const x = at::rand({1, 1, 1, 16, 20});
  EXPECT_LE(
      distance(climax.forward(x, at::zeros({1}), {}), resampled.forward(x, at::zeros({1}), {})),
      1e-6);
}

/// The whole globe as a region is the global model, and a region takes its part of everything.
TEST(Climax, ARegionHasItsOwnPatchesAndPositions) {
  auto config = small();
  auto const spec = data({"a", "b"}, {"a"});
  Climax const global(config, spec, 1);
  config.variant = ClimaxVariant::regional;
  config.region = RegionName::global;
  Climax const whole(config, spec, 1);
  auto const x = at::rand({2, 1, 2, 8, 12});
  EXPECT_TRUE(
      at::equal(global.forward(x, at::zeros({2}), {}), whole.forward(x, at::zeros({2}), {})));
  config.region = RegionName::none;
  config.box = {0, 90, 300, 150};
  Climax const part(config, spec, 1);
  auto const pred = part.forward(x, at::zeros({2}), {});
  EXPECT_EQ(pred.sizes().vec(), (std::vector<int64_t>{2, 1, 4, 8}));
  auto changed = x.clone();
  changed.select(4, 7).fill_(9);  // 210°: outside
  changed.select(3, 0).fill_(9);
  EXPECT_TRUE(at::equal(part.forward(changed, at::zeros({2}), {}), pred));
  changed.select(4, 0).fill_(9);
  EXPECT_GT(distance(part.forward(changed, at::zeros({2}), {}), pred), 1e-6);
}

TEST(Climax, AProjectionIsOneMapFromItsYears) {
  Climax climax(projection(), data({"a", "b"}, {"tas"}), 1);
  climax.eval();
  Batch const batch{.input = at::rand({2, 3, 2, 1, 8, 12})};
  EXPECT_EQ(climax.predict(batch, {}).sizes().vec(), (std::vector<int64_t>{2, 1, 1, 1, 8, 12}));
}

TEST(Climax, ReadsLeadTimesInTheDatasUnit) {
  Climax climax(small(), data({"a"}, {"a"}), 1);
  climax.eval();
  auto spec = std::make_shared<BatchSpec>();
  spec->time_unit = "d";
  Batch const batch{
      .input = at::rand({1, 1, 1, 1, 8, 12}), .lead_time = at::full({1}, 3.0F), .spec = spec};
  auto const expected = climax.forward(batch.input.squeeze(3), at::full({1}, 0.72F), {});
  EXPECT_LE(distance(climax.predict(batch, {}).flatten(), expected.flatten()), 1e-6);
}

TEST(Climax, DoesNotDecayItsTables) {
  auto config = projection();
  config.freeze_encoder = true;
  Climax const climax(config, data({"a"}, {"tas"}), 1);
  auto const groups = climax.parameter_groups();
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups[1].parameters,
            (std::vector<std::string>{"var_embed", "pos_embed", "time_pos_embed"}));
  EXPECT_EQ(groups[1].weight_decay, 0);
  auto const& decayed = groups[0].parameters;
  auto const has = [&](char const* name) {
    return std::find(decayed.begin(), decayed.end(), name) != decayed.end();
  };
  EXPECT_TRUE(has("time_query"));
  EXPECT_TRUE(has("norm.weight"));
  EXPECT_TRUE(has("blocks.0.norm1.weight"));
  EXPECT_FALSE(has("blocks.0.attn.qkv.weight")) << "the encoder is frozen";
}

TEST(Climax, RefusesDataThatDoNotFit) {
  EXPECT_THAT(message_of([] { Climax(small(), data({"e"}, {"a"}), 1); }),
              HasSubstr("the model has no variable for input 'e'"));
  EXPECT_THAT(message_of([] { Climax(small(), data({"a"}, {"e"}), 1); }),
              HasSubstr("the model has no variable for output 'e'"));
  EXPECT_THAT(message_of([] {
                Climax(projection(), data({"a"}, {"tas", "pr"}), 1);
              }),
              HasSubstr("a projection predicts one map, the data have 2 output channels"));
  auto const axes = globe(8, 12).axes();
  EXPECT_THAT(message_of([&] {
                Climax(small(), data({"a"}, {"a"}, Grid({axes[2], axes[1]})), 1);
              }),
              HasSubstr("ClimaX takes latitude before longitude"));
  EXPECT_THAT(message_of([&] {
                Climax(small(), data({"a"}, {"a"}, Grid({axes[1], axes[1], axes[2]})), 1);
              }),
              HasSubstr("ClimaX has two dimensions, the data have three"));
}

TEST(Climax, RefusesFramesThatDoNotFit) {
  auto const forward = [](ClimaxConfig const& config, std::vector<int64_t> const& shape) {
    return message_of([&] {
      Climax(config, data({"a", "b"}, {"a"}), 1).forward(at::zeros(shape), at::zeros({1}), {});
    });
  };
  EXPECT_THAT(forward(small(), {1, 2, 8, 12}), HasSubstr("ClimaX takes (B, T, V, H, W), not 4"));
  EXPECT_THAT(forward(small(), {1, 2, 2, 8, 12}),
              HasSubstr("there are 2 input frames, model.history is 1"));
  EXPECT_THAT(forward(small(), {1, 1, 3, 8, 12}),
              HasSubstr("the data have 3 channels, the model was made for 2"));
  EXPECT_THAT(forward(small(), {1, 1, 2, 8, 13}),
              HasSubstr("axis W has 13 points, not a multiple of patch 2"));
  EXPECT_THAT(forward(projection(), {1, 3, 2, 16, 24}),
              HasSubstr("a projection predicts 8 x 12 cells (model.grid), the data have 16 x 24"));
  auto config = small();
  config.variant = ClimaxVariant::regional;
  config.region = RegionName::global;
  EXPECT_THAT(forward(config, {1, 1, 2, 16, 24}),
              HasSubstr("the region was found on 8 x 12 cells, the data have 16 x 24"));
  Climax climax(small(), data({"a"}, {"a"}), 1);
  EXPECT_THAT(message_of([&] {
                climax.predict({.input = at::zeros({1, 1, 1, 2, 8, 12})}, {});
              }),
              HasSubstr("it takes (B, T, C, 1, H, W)"));
}

/// The form that bench_climax races against: what it measures must be the same network.
TEST(Climax, EqualsItselfWrittenOpByOp) {
  auto config = small();
  config.depth = 2;
  config.drop_path = 0.3;
  Climax climax(config, data({"c", "a"}, {"b", "c"}), 1);
  climax.eval();
  at::manual_seed(3);
  at::NoGradGuard const no_grad;
  for (auto& parameter : climax.parameters()) {  // also what begins at zero
    parameter.add_(at::randn(parameter.sizes()) * 0.1);
  }
  auto const images = at::randn({2, 2, 8, 12});
  auto const lead_time = at::tensor({0.06F, 0.72F});
  auto const plain = bench::PlainClimax(climax, {"c", "a"}, {"b", "c"}).forward(images, lead_time);
  auto const ours = climax.forward(images.unsqueeze(1), lead_time, {});
  EXPECT_TRUE(at::allclose(ours, plain, 1e-5, 1e-5));
}

}  // namespace
}  // namespace eddyline
