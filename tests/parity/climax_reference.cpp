#include "tests/parity/climax_reference.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/climax/import.hpp"
#include "tests/surrogates/split_comparison.hpp"
#include "workflows/metrics/climax_scores.hpp"

namespace eddyline::parity {
namespace {

// Tolerances of the specification; outputs of projections are of size 40.
constexpr double kValues = 1e-5;
constexpr double kProjections = 5e-5;
constexpr double kGradients = 1e-4;  // relative to the largest element
constexpr double kLosses = 1e-5;     // relative
constexpr double kScores = 1e-5;     // relative where they are larger than 1
constexpr double kHalf = 0.05;       // of the largest value: products of 8 bits, layer upon layer

template <class Enum>
Enum named(std::string const& text) {
  for (auto const& [value, name] : EnumNames<Enum>::names) {
    if (text == name) {
      return value;
    }
  }
  throw Error(concat("'", text, "' in a fixture is unknown"));
}

ClimaxVariant variant_of(Reference const& reference) {
  return named<ClimaxVariant>(reference.config.at("kind").get<std::string>());
}

double tolerance(Reference const& reference) {
  return variant_of(reference) == ClimaxVariant::projection ? kProjections : kValues;
}

std::vector<std::string> const& texts(Reference const& reference, std::string const& name) {
  reference.used.insert(name);
  return reference.texts.at(name);
}

ClimaxImport import_options(Reference const& reference) {
  auto const& from = reference.config;
  ClimaxImport options{.variables = from.at("default_vars"),
                       .inputs = texts(reference, "input/variables"),
                       .outputs = texts(reference, "input/out_variables"),
                       .heads = from.at("num_heads").get<int64_t>(),
                       .grid = from.at("img_size")};
  if (from.contains("checkpoint_img_size") && !from.at("checkpoint_img_size").is_null()) {
    options.new_grid = options.grid;
    options.grid = from.at("checkpoint_img_size");
  }
  return options;
}

FieldSet fields_of(std::vector<std::string> const& names) {
  std::vector<Field> fields;
  for (auto const& name : names) {
    fields.push_back({.name = name});
  }
  return FieldSet(fields);
}

std::vector<double> values_of(at::Tensor const& values) {
  auto const wide = values.to(at::kDouble).contiguous();
  return {wide.data_ptr<double>(), wide.data_ptr<double>() + wide.numel()};
}

/// Maps of the whole globe cut to what the network predicts.
at::Tensor cropped(Climax const& climax, at::Tensor const& maps) {
  return climax.region() ? climax.region()->part().crop(maps) : maps;
}

at::Tensor weights_of(Climax const& climax, Reference const& reference) {
  auto latitudes = reference.tensor("input/lat");
  if (climax.region()) {
    latitudes = latitudes.index_select(0, at::tensor(climax.region()->cell_rows(), at::kLong));
  }
  return cosine_weights(values_of(latitudes));
}

at::Tensor loss_of(Climax const& climax, Reference const& reference) {
  return squared_error(predict(climax, reference),
                       cropped(climax, reference.tensor("train/target")),
                       weights_of(climax, reference))
      .loss;
}

Batch batch_of(Reference const& reference) {
  return {.input = climax_frames(reference).unsqueeze(3),
          .lead_time = reference.tensor("input/lead_times") * 100};  // hours
}

double relative(double ours, double expected) {
  return std::abs(ours - expected) / std::max(1.0, std::abs(expected));
}

/// Predictions, targets and what else the scores of a fixture are made of.
struct Scored {
  at::Tensor prediction, target;                    ///< normalised
  at::Tensor physical_prediction, physical_target;  ///< undefined without statistics
  at::Tensor climatology, weights;
};

Scored scored(Climax const& climax, Reference const& reference) {
  Scored maps{.prediction = predict(climax, reference),
              .target = cropped(climax, reference.tensor("train/target")),
              .weights = weights_of(climax, reference)};
  if (reference.has("input/denormalise/mean")) {
    auto const mean = reference.tensor("input/denormalise/mean").to(at::kFloat).view({-1, 1, 1});
    auto const std = reference.tensor("input/denormalise/std").to(at::kFloat).view({-1, 1, 1});
    maps.physical_prediction = (maps.prediction - mean) / std;
    maps.physical_target = (maps.target - mean) / std;
  }
  if (reference.has("input/climatology")) {
    maps.climatology = cropped(climax, reference.tensor("input/climatology"));
  }
  return maps;
}

/// One number a variable, by the metric's upstream name; undefined for unknown names.
at::Tensor score(std::string const& metric, std::string const& key, Scored const& maps) {
  constexpr double kNorm = 1.7;  // of the fixtures' ClimateBench scores
  if (metric == "mse") {
    return squared_error(maps.prediction, maps.target).variables;
  }
  if (metric == "lat_weighted_mse" || metric == "lat_weighted_mse_val") {
    return squared_error(maps.prediction, maps.target, maps.weights).variables;
  }
  if (metric == "lat_weighted_rmse") {
    return mean_of_roots(maps.physical_prediction, maps.physical_target, maps.weights);
  }
  if (metric == "lat_weighted_acc") {
    return anomaly_correlation(
        maps.physical_prediction, maps.physical_target, maps.climatology, maps.weights);
  }
  if (metric.starts_with("lat_weighted_nrmse")) {
    auto const& prediction =
        maps.physical_prediction.defined() ? maps.physical_prediction : maps.prediction;
    auto const& target = maps.physical_target.defined() ? maps.physical_target : maps.target;
    auto const error =
        normalised_error(prediction, target, at::scalar_tensor(kNorm, at::kFloat), maps.weights);
    return key.starts_with("w_nrmses")   ? error.spatial
           : key.starts_with("w_nrmseg") ? error.global
                                         : error.total;
  }
  return {};
}

}  // namespace

Grid climax_grid(Reference const& reference) {
  auto const columns = reference.config.at("img_size").at(1).get<int64_t>();
  auto const longitudes = reference.has("input/lon") ? reference.tensor("input/lon")
                                                     : at::arange(columns, at::kDouble) *
                                                           (360.0 / static_cast<double>(columns));
  return Grid(
      {{.name = "latitude",
        .coordinates = values_of(reference.tensor("input/lat")),
        .units = "degrees_north"},
       {.name = "longitude", .coordinates = values_of(longitudes), .units = "degrees_east"}},
      Geometry::lat_lon);
}

std::shared_ptr<Climax> load_climax(Reference const& reference, std::optional<TokenLayout> layout) {
  auto options = import_options(reference);
  options.tokens = layout;
  auto const imported = import_climax(read_pytorch(reference.weights), options);
  auto config = dynamic_cast<Climax&>(*imported.network).settings();
  config.variant = variant_of(reference);
  if (config.variant == ClimaxVariant::regional) {
    config.region = named<RegionName>(reference.config.at("region").get<std::string>());
    config.region_order = RegionOrder::upstream;  // quirk 1: its boxes are mirrored
  }
  SurrogateSpec const spec{.input_fields = fields_of(options.inputs),
                           .output_fields = fields_of(options.outputs),
                           .grid = climax_grid(reference)};
  auto const climax = std::make_shared<Climax>(config, spec, 1);
  at::NoGradGuard const no_grad;
  auto const weights = imported.network->named_parameters();
  for (auto const& item : climax->named_parameters()) {
    item.value().copy_(weights[item.key()]);
  }
  climax->eval();
  return climax;
}

at::Tensor climax_frames(Reference const& reference) {
  auto const x = reference.tensor("input/x");
  return x.dim() == 5 ? x : x.unsqueeze(1);
}

at::Tensor predict(Climax const& climax, Reference const& reference) {
  auto const type = climax.parameters().front().scalar_type();
  return climax.forward(
      climax_frames(reference).to(type), reference.tensor("input/lead_times").to(type), {});
}

SplitCase split_climax(Reference const& reference) {
  auto const climax = load_climax(reference);
  auto const truth = cropped(*climax, reference.tensor("train/target"));
  auto const weights = weights_of(*climax, reference);
  SplitCase split{.network = climax,
                  .spec = {.grid = climax_grid(reference)},
                  .batch = batch_of(reference),
                  .tolerance = tolerance(reference),
                  .gradients = {.tolerance = kGradients}};
  split.batch.target = reference.tensor("output/pred").unsqueeze(1).unsqueeze(3);
  // The mean over a block, by its share of the cells.
  split.loss = [truth, weights](at::Tensor const& maps, Batch const& part) {
    auto own = truth.to(maps.device()), rows = weights.to(maps.device());
    if (auto const sharding = part.spec->output_sharding()) {
      auto const& box = sharding->block().box;
      auto const samples = own.index_select(0, at::tensor(part.sample_ids, at::kLong));
      own = cut(samples.unsqueeze(2), box).squeeze(2);
      rows = rows.narrow(0, box.first[1], box.size[1]);
    }
    return squared_error(maps.squeeze(3).squeeze(1), own, rows).loss * own.numel() / truth.numel();
  };
  return split;
}

/// Keys and their order are the file's but for the prefix, and for what was resized the values too.
void compare_import(Reference const& reference) {
  auto const checkpoint = read_pytorch(reference.weights);
  std::vector<std::string> report;
  auto const state = renamed_state(checkpoint, report);
  auto const parameters = load_climax(reference)->named_parameters();
  ASSERT_EQ(parameters.size(), state.size());
  for (size_t i = 0; i < state.size(); ++i) {
    ASSERT_EQ(parameters[i].key(), state[i].first) << "parameter " << i;
    bool const is_resized =
        state[i].first == "pos_embed" && reference.config.contains("checkpoint_img_size");
    EXPECT_TRUE(is_resized || at::equal(parameters[i].value(), state[i].second)) << state[i].first;
  }
  if (reference.has("input/pos_embed_interpolated")) {
    auto const expected = reference.tensor("input/pos_embed_interpolated");
    expect_close(reference,
                 "pos_embed_interpolated",
                 largest_difference(parameters["pos_embed"], expected),
                 kValues);
  }
}

void compare_outputs(Reference const& reference) {
  at::NoGradGuard const no_grad;
  auto const climax = load_climax(reference);
  auto const expected = reference.tensor("output/pred");
  auto const pred = predict(*climax, reference);
  expect_close(reference, "pred", largest_difference(pred, expected), tolerance(reference));
  expect_close(reference,
               "pred of a batch",
               largest_difference(climax->predict(batch_of(reference), {}),
                                  expected.unsqueeze(1).unsqueeze(3)),
               tolerance(reference));
}

void compare_frozen(Reference const& reference) {
  at::NoGradGuard const no_grad;
  auto const climax = load_climax(reference);
  auto const expected = reference.tensor("output/pred").unsqueeze(1).unsqueeze(3);
  for (auto const precision : {Precision::fp32, Precision::bf16}) {
    bool const half = precision == Precision::bf16;
    auto const ours = climax->freeze(precision)->predict(batch_of(reference));
    expect_close(reference,
                 half ? "frozen pred bf16" : "frozen pred",
                 largest_difference(ours, expected),
                 half ? kHalf * expected.abs().max().item<double>() : tolerance(reference));
  }
}

void compare_intermediates(Reference const& reference) {
  at::NoGradGuard const no_grad;
  ClimaxTrace trace;
  auto const climax = load_climax(reference);
  climax->forward(climax_frames(reference), reference.tensor("input/lead_times"), {}, &trace);
  auto const compare = [&](std::string const& name, at::Tensor const& ours) {
    expect_close(reference,
                 name,
                 largest_difference(ours, reference.tensor("output/intermediate/" + name)),
                 kValues);
  };
  compare("variable_aggregation", trace.aggregated.flatten(0, 1).unsqueeze(1));
  compare("block0", trace.first_block);
  compare("encoder_norm", trace.encoded);
}

void compare_regions(Reference const& reference) {
  if (!reference.has("input/region/patch_ids")) {
    return;
  }
  auto const region = load_climax(reference)->region();
  ASSERT_TRUE(region);
  auto const columns = climax_grid(reference).axis(2).size() / region->patch[1];
  auto const expected = values_of(reference.tensor("input/region/patch_ids"));
  auto const patches = region->patches(columns);
  EXPECT_EQ(std::vector<double>(patches.begin(), patches.end()), expected);
  auto const at = [&](char const* name) { return reference.attributes.at(name).get<int64_t>(); };
  EXPECT_EQ(region->cell_rows().front(), at("region_min_h"));
  EXPECT_EQ(region->cell_rows().back(), at("region_max_h"));
  EXPECT_EQ(region->cell_columns().front(), at("region_min_w"));
  EXPECT_EQ(region->cell_columns().back(), at("region_max_w"));
}

void compare_gradients(Reference const& reference) {
  auto const climax = load_climax(reference);
  loss_of(*climax, reference).backward();
  compare_gradients(reference, *climax, {.tolerance = kGradients});
}

void compare_missing_gradients(Reference const& reference) {
  if (!reference.attributes.contains("no_grad")) {
    return;
  }
  auto const climax = load_climax(reference);
  loss_of(*climax, reference).backward();
  std::set<std::string> missing;
  for (auto const& item : climax->named_parameters()) {
    if (!item.value().grad().defined()) {
      missing.insert(item.key());
    }
  }
  auto const expected = reference.attributes.at("no_grad").get<std::set<std::string>>();
  std::printf("%s parameters without gradient: %zu of %zu expected\n",
              reference.stem.c_str(),
              missing.size(),
              expected.size());
  EXPECT_EQ(missing, expected) << reference.stem;
}

void compare_training(Reference const& reference) {
  auto const compare = [&](std::string const& name, Climax& climax, PlainAdamW& optimizer) {
    auto const losses = train(
        climax,
        optimizer,
        [&] { return loss_of(climax, reference); },
        reference.tensor(name).numel());
    compare_losses(reference, name, losses, kLosses);
  };
  auto const climax = load_climax(reference);
  PlainAdamW optimizer(*climax, {});
  compare("train/loss", *climax, optimizer);
  if (reference.has("train/loss_upstream_groups")) {
    auto const grouped = load_climax(reference);
    PlainAdamW with_groups;
    for (auto const& group : grouped->parameter_groups()) {
      auto const decay = group.weight_decay < 0 ? 0.05 : group.weight_decay;
      for (auto const& name : group.parameters) {
        with_groups.set(name, {.rate = 5e-4, .decay = decay, .beta1 = 0.9, .beta2 = 0.99});
      }
    }
    compare("train/loss_upstream_groups", *grouped, with_groups);
  }
}

void compare_scores(Reference const& reference) {
  at::NoGradGuard const no_grad;
  auto const climax = load_climax(reference);
  auto const maps = scored(*climax, reference);
  std::string const folder = "output/metrics/";
  auto const& variables = texts(reference, "input/out_variables");
  for (auto const& name : reference.names(folder)) {
    auto const slash = name.find('/', folder.size());
    auto const metric = name.substr(folder.size(), slash - folder.size());
    auto const key = name.substr(slash + 1);
    auto const values = score(metric, key, maps);
    if (!values.defined()) {
      continue;  // EveryDataSetIsUsed names it
    }
    auto ours = values.mean().item<double>();
    for (size_t i = 0; i < variables.size(); ++i) {
      if (key.find(variables[i]) != std::string::npos) {
        ours = values[static_cast<int64_t>(i)].item<double>();
      }
    }
    expect_close(reference, name, relative(ours, reference.tensor(name).item<double>()), kScores);
  }
}

void compare_layouts(Reference const& reference) {
  at::NoGradGuard const no_grad;
  for (auto const layout : {TokenLayout::serial, TokenLayout::parallel}) {
    auto const climax = load_climax(reference, layout);
    EXPECT_EQ(climax->settings().tokens, layout);
    expect_close(
        reference,
        layout == TokenLayout::serial ? "pred of serial tokens" : "pred of parallel tokens",
        largest_difference(predict(*climax, reference), reference.tensor("output/pred")),
        tolerance(reference));
  }
}

}  // namespace eddyline::parity
