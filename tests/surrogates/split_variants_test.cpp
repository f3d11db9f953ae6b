// Options of the networks that divide samples among ranks beyond those of their contract: each
// gives what one rank gives.
#include <optional>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/surrogates/split_comparison.hpp"

namespace eddyline {
namespace {

constexpr auto kRounded = kDouble;

struct Variant {
  std::string network, name, model;
  std::vector<int64_t> cells;
  std::vector<std::string> inputs, outputs;
};

std::ostream& operator<<(std::ostream& out, Variant const& variant) {
  return out << variant.network << "_" << variant.name;
}

Variant climax(std::string const& name, std::string const& options) {
  return {.network = "climax",
          .name = name,
          .model = concat("{patch: [1, 4, 4], depth: 2, decoder_depth: 1, mlp_ratio: 2, variables: "
                          "[], ",
                          options,
                          "}"),
          .cells = {12, 28},
          .inputs = {"a", "b"},
          .outputs = {"a", "b"}};
}

/// Patches 4 × 5; weights of stochastic depth and dropout where a test trains.
Variant gphyt(std::string const& name, std::string const& options) {
  return {.network = "gphyt",
          .name = name,
          .model = concat("{hidden_dim: 24, mlp_dim: 32, num_layers: 2, patch: [1, 8, 4], history: "
                          "3, dropout: 0.2, stochastic_depth: 0.1, ",
                          options,
                          "}"),
          .cells = {32, 20},
          .inputs = {"a", "b"},
          .outputs = {"a", "b"}};
}

/// Lines, planes and boxes of any number of cells, and every way to their modes.
Variant fno(std::string const& network,
            std::string const& name,
            std::vector<int64_t> const& cells,
            std::array<int64_t, 3> modes) {
  return {.network = network,
          .name = name,
          .model = concat("{modes: [",
                          modes[0],
                          ", ",
                          modes[1],
                          ", ",
                          modes[2],
                          "], width: 7, layers: 2, projection: 8, history: 2}"),
          .cells = cells,
          .inputs = {"a", "b"},
          .outputs = {"a", "b"}};
}

Variant projection() {
  auto variant = climax("projection", "dim: 16, heads: 2, variant: projection, history: 3");
  variant.outputs = {"c"};
  return variant;
}

std::vector<Variant> variants() {
  return {
      climax("ring", "dim: 16, heads: 1"),
      climax("uneven_heads", "dim: 24, heads: 3"),
      climax("other_positions", "dim: 16, heads: 4, grid: [8, 16]"),
      climax("stacked_tokens", "dim: 16, heads: 2, tokens: parallel"),
      projection(),
      // Patches of rows 4 … 11 and of columns that cross the first: 20 … 27, 0 … 11; 24 … 27, 0
      // … 7.
      climax("region", "dim: 16, heads: 4, variant: regional, box: [2, 11, 18, 13]"),
      climax("region_ring", "dim: 16, heads: 1, variant: regional, box: [4, 11, 22, 9]"),
      gphyt("full", "num_heads: 4"),
      gphyt("ring", "num_heads: 1"),
      gphyt("causal", "num_heads: 4, attention: full_causal, integrator: heun"),
      gphyt("causal_ring", "num_heads: 1, attention: full_causal, integrator: heun"),
      gphyt("spatial", "num_heads: 4, attention: spatial"),
      gphyt("spatial_ring", "num_heads: 1, attention: spatial, integrator: heun"),
      gphyt("temporal", "num_heads: 2, attention: temporal"),
      gphyt("rotated", "num_heads: 4, positions: rope, integrator: none"),
      gphyt("overlapping",
            "num_heads: 4, tokenizer: {overlap: 6}, detokenizer: {overlap: 10}, integrator: rk4"),
      gphyt("convolutions",
            "num_heads: 4, tokenizer: {mode: conv_net, channels: [6]}, detokenizer: {mode: "
            "conv_net, channels: [10]}, integrator: heun"),
      gphyt("rounded_differences", "num_heads: 4, differences: bf16"),
      gphyt("no_differences", "num_heads: 4, derivatives: false"),
      fno("fno", "line", {37}, {1, 1, 5}),
      fno("fno", "line_of_all_modes", {36}, {1, 1, 19}),
      fno("fno", "line_of_one_mode", {9}, {1, 1, 1}),
      fno("fno", "plane", {13, 21}, {1, 6, 5}),
      fno("fno", "plane_of_all_modes", {12, 20}, {1, 6, 11}),
      fno("fno", "box", {7, 9, 11}, {3, 4, 5}),
      fno("fno", "box_of_few_modes", {5, 6, 9}, {1, 1, 1}),
      fno("ifno", "plane_of_all_modes", {12, 20}, {1, 6, 11}),
      fno("ifno", "box", {7, 9, 11}, {3, 4, 5})};
}

class SplitVariant : public testing::TestWithParam<Variant> {
 protected:
  static FieldSet fields(std::vector<std::string> const& names) {
    std::vector<Field> made;
    for (auto const& name : names) {
      made.push_back({.name = name});
    }
    return FieldSet(made);
  }
  static Grid grid(std::vector<int64_t> const& cells) {
    std::vector<std::string> names = {"x", "y", "z"};
    if (cells.size() == 2) {
      names = {"latitude", "longitude"};
    }
    std::vector<Axis> axes;
    for (size_t i = 0; i < cells.size(); ++i) {
      axes.push_back(axis(names[i], cells[i]));
    }
    return Grid(axes, cells.size() == 2 ? Geometry::lat_lon : Geometry::cartesian);
  }
  std::shared_ptr<Surrogate> make() const {
    return surrogate_entry(GetParam().network).make(GetParam().model, spec_, 1);
  }
  SurrogateSpec const spec_ = {.input_fields = fields(GetParam().inputs),
                               .output_fields = fields(GetParam().outputs),
                               .grid = grid(GetParam().cells)};
};

TEST_P(SplitVariant, GivesForecastAndGradientsOfOneRankOnManyRanks) {
  auto const model = make();
  model->eval();
  std::optional<SplitSample::Result> whole;
  for (auto const parts : allowed_splits(*model, spec_)) {
    SCOPED_TRACE(text_of(parts));
    SplitSample sample(*model, spec_, parts, at::kDouble);
    whole = whole ? whole : sample.run_whole({});
    compare(sample, *whole, {}, kRounded);
  }
}

TEST_P(SplitVariant, DropsWhatOneRankDropsAlsoWhereActivationsAreRecomputedOnManyRanks) {
  auto const model = make();
  Context const context{.random = {.seed = 11, .step = 5}};
  std::optional<SplitSample::Result> whole;
  for (auto const parts : two_of(allowed_splits(*model, spec_))) {
    SCOPED_TRACE(text_of(parts));
    SplitSample sample(*model, spec_, parts, at::kDouble);
    whole = whole ? whole : sample.run_whole(context);
    compare(sample, *whole, context, kRounded);
    auto recomputing = context;
    recomputing.activations = Activations::recompute;
    compare(sample, *whole, recomputing, kRounded);
  }
}

TEST_P(SplitVariant, AgreesInBfloat16OnManyRanks) {
  auto const model = make();
  model->eval();
  Context const half{.precision = Precision::bf16};
  std::optional<SplitSample::Result> whole;
  for (auto const parts : two_of(allowed_splits(*model, spec_))) {
    SCOPED_TRACE(text_of(parts));
    SplitSample sample(*model, spec_, parts, at::kFloat);
    whole = whole ? whole : sample.run_whole(half);
    compare(sample, *whole, half, kEightBits);
  }
}

TEST_P(SplitVariant, ForecastsTheSameInItsFrozenFormOnManyRanks) {
  auto const model = make();
  model->eval();
  at::NoGradGuard const no_grad;
  for (auto const precision : {Precision::fp32, Precision::bf16}) {
    auto const frozen = model->freeze(precision);
    auto const forecast = [&](Batch const& batch) {
      return frozen ? frozen->predict(batch) : model->predict(batch, {.precision = precision});
    };
    at::Tensor whole;
    for (auto const parts : two_of(allowed_splits(*model, spec_))) {
      SCOPED_TRACE(text_of(parts));
      SplitSample sample(*model, spec_, parts, at::kFloat);
      whole = whole.defined() ? whole : forecast(sample.whole()).clone();
      EXPECT_LE(relative(forecast(sample.part()), sample.own(whole)),
                precision == Precision::fp32 ? kRoundOff : kEightBits.values);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Networks,
                         SplitVariant,
                         testing::ValuesIn(variants()),
                         [](auto const& instance) {
                           return concat(instance.param.network, "_", instance.param.name);
                         });

}  // namespace
}  // namespace eddyline
