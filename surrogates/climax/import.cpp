#include "surrogates/climax/import.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "surrogates/climax/positions.hpp"

namespace eddyline {
namespace {

constexpr int64_t kHeadSize = 64;  // of the published checkpoints
constexpr char const* kTokens = "token_embeds.";

at::Tensor const* find(ClimaxState const& state, std::string const& name) {
  for (auto const& [key, value] : state) {
    if (key == name) {
      return &value;
    }
  }
  return nullptr;
}

at::Tensor const& need(ClimaxState const& state, std::string const& name, int64_t axes) {
  auto const* const found = find(state, name);
  require(found != nullptr && found->dim() == axes,
          "the file holds no ClimaX: it has no '",
          name,
          "' of ",
          axes,
          " axes");
  return *found;
}

std::string serial_key(int64_t variable, char const* what) {
  return concat(kTokens, variable, ".proj.", what);
}

int64_t count(ClimaxState const& state, std::string const& before, std::string const& after) {
  int64_t found = 0;
  while (find(state, concat(before, found, after)) != nullptr) {
    ++found;
  }
  return found;
}

std::vector<std::string> names_of(std::vector<std::string> const& given, int64_t count) {
  if (!given.empty()) {
    require(static_cast<int64_t>(given.size()) == count,
            "import.variables names ",
            given.size(),
            " variables, the checkpoint has ",
            count);
    return given;
  }
  for (auto const& known : {published_variables(), climatebench_variables()}) {
    if (static_cast<int64_t>(known.size()) == count) {
      return known;
    }
  }
  std::vector<std::string> names;
  for (int64_t i = 0; i < count; ++i) {
    names.push_back(concat("variable", i));
  }
  return names;
}

/// Cells of the checkpoint's grid: the given ones, else twice as many columns as rows.
std::array<int64_t, 2> grid_of(ClimaxImport const& options,
                               int64_t positions,
                               std::array<int64_t, 3> const& patch) {
  if (options.grid) {
    auto const& grid = *options.grid;
    require(grid[0] > 0 && grid[1] > 0 && grid[0] % patch[1] == 0 && grid[1] % patch[2] == 0 &&
                grid[0] / patch[1] * (grid[1] / patch[2]) == positions,
            "import.grid ",
            grid[0],
            " x ",
            grid[1],
            " does not have the ",
            positions,
            " patches of ",
            patch[1],
            " x ",
            patch[2],
            " cells that the checkpoint has");
    return grid;
  }
  auto const rows = std::llround(std::sqrt(static_cast<double>(positions) / 2));
  require(2 * rows * rows == positions,
          "the checkpoint's ",
          positions,
          " positions are not of a 1:2 grid; give import.grid=[H, W] in cells");
  return {rows * patch[1], 2 * rows * patch[2]};
}

/// The global grid that upstream regrids to: cell centres, south first, from longitude 0.
Grid globe(std::array<int64_t, 2> cells) {
  Axis latitude{.name = "latitude", .coordinates = {}, .units = "degrees_north"};
  Axis longitude{.name = "longitude",
                 .coordinates = {},
                 .units = "degrees_east",
                 .boundaries = {Boundary::periodic, Boundary::periodic}};
  auto const step = [](double whole, int64_t n) { return whole / static_cast<double>(n); };
  for (int64_t i = 0; i < cells[0]; ++i) {
    latitude.coordinates.push_back(-90 + (static_cast<double>(i) + 0.5) * step(180, cells[0]));
  }
  for (int64_t i = 0; i < cells[1]; ++i) {
    longitude.coordinates.push_back(static_cast<double>(i) * step(360, cells[1]));
  }
  return Grid({latitude, longitude}, Geometry::lat_lon);
}

FieldSet fields_of(std::vector<std::string> const& names) {
  std::vector<Field> fields;
  for (auto const& name : names) {
    fields.push_back(parse_field(name));
  }
  return FieldSet(fields);
}

SurrogateSpec spec_of(ClimaxConfig const& config, ClimaxImport const& options) {
  auto const& all = config.variables;
  auto outputs = options.outputs.empty() ? all : options.outputs;
  if (config.variant == ClimaxVariant::projection && options.outputs.empty()) {
    outputs = {"output"};
  }
  return {.input_fields = fields_of(options.inputs.empty() ? all : options.inputs),
          .output_fields = fields_of(outputs),
          .grid = globe(*config.grid)};
}

/// What the options change of the checkpoint's own configuration.
ClimaxConfig changed(ClimaxConfig config, ClimaxImport const& options) {
  config.tokens = options.tokens.value_or(config.tokens);
  config.grid = options.new_grid ? options.new_grid : config.grid;
  bool const was_projection = config.variant == ClimaxVariant::projection;
  auto const variant = options.variant.value_or(config.variant);
  require(!was_projection || variant == ClimaxVariant::projection,
          "the checkpoint is a projection; it has no head to forecast with");
  require(!was_projection || !options.new_grid,
          "a projection predicts the cells of its own grid; leave import.new_grid out");
  if (variant == ClimaxVariant::projection && !was_projection) {
    config.variables = options.forcings;
    config.history = options.history;
    config.decoder_depth = 0;
  }
  config.variant = variant;
  config.region = options.region;
  config.box = options.box;
  config.region_order = options.region_order;
  config.freeze_encoder = options.freeze_encoder;
  config.dropout = options.dropout;
  config.drop_path = options.drop_path;
  return config;
}

/// Whether a projection that begins from a global checkpoint has this key to itself.
bool is_replaced(std::string const& name) {
  return name.starts_with(kTokens) || name.starts_with("head.") || name.starts_with("time_");
}

/// The file's tensors as the network takes them: what a projection has to itself stays as it was
/// drawn, positions are resampled for another grid.
std::map<std::string, at::Tensor> adapted(ClimaxState const& state,
                                          ClimaxConfig const& before,
                                          ClimaxConfig const& after,
                                          ImportedModel& imported) {
  at::NoGradGuard const no_grad;
  bool const begins = before.variant != after.variant && after.variant == ClimaxVariant::projection;
  std::map<std::string, at::Tensor> stored(state.begin(), state.end());
  std::erase_if(stored, [&](auto const& item) {
    bool const drop = begins && (is_replaced(item.first) || (item.first == "var_embed" &&
                                                             before.variables != after.variables));
    if (drop) {
      imported.report.push_back(concat("dropped     ", item.first));
    }
    return drop;
  });
  for (auto const& item : imported.network->named_parameters()) {
    auto const& name = item.key();
    if (begins && !stored.contains(name) && (is_replaced(name) || name == "var_embed")) {
      stored[name] = item.value();
      imported.report.push_back(concat("new         ", name));
    }
  }
  auto const table = stored.find("pos_embed");
  if (table != stored.end() && table_patches(before) != table_patches(after)) {
    auto const old = table->second.sizes().vec();
    table->second = resample_positions(
        table->second.to(at::kFloat), table_patches(before), table_patches(after));
    imported.report.push_back(
        concat("resized     pos_embed from (", old, ") to (", table->second.sizes().vec(), ")"));
  }
  return stored;
}

std::string summary_of(ClimaxConfig const& config, ClimaxImport const& options) {
  std::string variant;
  for (auto const& [value, name] : EnumNames<ClimaxVariant>::names) {
    variant = value == config.variant ? name : variant;
  }
  return concat("ClimaX (",
                variant,
                "): ",
                config.variables.size(),
                " variables, grid ",
                (*config.grid)[0],
                " x ",
                (*config.grid)[1],
                ", patch ",
                config.patch[1],
                " x ",
                config.patch[2],
                ", dim ",
                config.dim,
                ", depth ",
                config.depth,
                ", decoder_depth ",
                config.decoder_depth,
                ", mlp_ratio ",
                config.mlp_ratio,
                "\nnot in the file: heads ",
                config.heads,
                options.heads ? " (given)" : " (dim/64)",
                ", names of the variables",
                options.variables.empty() ? " (by their number)" : " (given)",
                ", grid",
                options.grid ? " (given)" : " (1:2)",
                "; latitudes ascend, longitudes begin at 0");
}

}  // namespace

ClimaxState renamed_state(PytorchCheckpoint const& checkpoint, std::vector<std::string>& report) {
  constexpr std::string_view kNet = "net.", kChannel = "channel";
  bool had_prefix = false;
  ClimaxState state;
  for (auto const& [key, value] : checkpoint.parameters) {
    auto name = key;
    if (name.starts_with(kNet)) {
      name.erase(0, kNet.size());
      had_prefix = true;
    }
    auto const old = name;
    for (auto at = name.find(kChannel); at != std::string::npos; at = name.find(kChannel)) {
      name.replace(at, kChannel.size(), "var");
    }
    if (name != old) {
      report.push_back(concat("renamed     ", old, " to ", name));
    }
    require(find(state, name) == nullptr, "the checkpoint has two keys for '", name, "'");
    state.emplace_back(name, value);
  }
  if (had_prefix) {
    report.insert(report.begin(), "renamed     every key: the leading 'net.' was taken off");
  }
  return state;
}

TokenLayout layout_of(ClimaxState const& state) {
  bool const stacked = find(state, "token_embeds.proj_weights") != nullptr;
  require(stacked || find(state, serial_key(0, "weight")) != nullptr,
          "the file holds no ClimaX: it has neither 'token_embeds.proj_weights' nor "
          "'token_embeds.0.proj.weight'");
  return stacked ? TokenLayout::parallel : TokenLayout::serial;
}

ClimaxState with_layout(ClimaxState const& state, TokenLayout layout) {
  if (layout_of(state) == layout) {
    return state;
  }
  ClimaxState tokens;
  if (layout == TokenLayout::parallel) {
    std::vector<at::Tensor> weights, biases;
    for (int64_t i = 0; i < count(state, kTokens, ".proj.weight"); ++i) {
      weights.push_back(need(state, serial_key(i, "weight"), 4));
      biases.push_back(need(state, serial_key(i, "bias"), 1));
      require(weights.back().sizes() == weights.front().sizes() &&
                  biases.back().sizes() == biases.front().sizes(),
              "'",
              serial_key(i, "weight"),
              "' has another shape than that of variable 0");
    }
    tokens = {{"token_embeds.proj_weights", at::stack(weights)},
              {"token_embeds.proj_biases", at::stack(biases)}};
  } else {
    auto const& weights = need(state, "token_embeds.proj_weights", 5);
    auto const& biases = need(state, "token_embeds.proj_biases", 2);
    require(biases.size(0) == weights.size(0),
            "'token_embeds.proj_biases' is of ",
            biases.size(0),
            " variables, 'token_embeds.proj_weights' of ",
            weights.size(0));
    for (int64_t i = 0; i < weights.size(0); ++i) {
      tokens.emplace_back(serial_key(i, "weight"), weights[i].clone());
      tokens.emplace_back(serial_key(i, "bias"), biases[i].clone());
    }
  }
  ClimaxState converted;
  for (auto const& item : state) {
    if (!item.first.starts_with(kTokens)) {
      converted.push_back(item);
    } else if (!tokens.empty()) {
      converted.insert(converted.end(), tokens.begin(), tokens.end());
      tokens.clear();
    }
  }
  return converted;
}

bool is_climax(PytorchCheckpoint const& checkpoint) {
  return std::any_of(
      checkpoint.parameters.begin(), checkpoint.parameters.end(), [](auto const& item) {
        auto const& key = item.first;
        return key.ends_with("var_query") || key.ends_with("channel_query");
      });
}

ClimaxConfig infer_climax(ClimaxState const& state, ClimaxImport const& options) {
  auto const& names = need(state, "var_embed", 3);
  auto const layout = layout_of(state);
  auto const weight = layout == TokenLayout::serial
                          ? need(state, serial_key(0, "weight"), 4)
                          : need(state, "token_embeds.proj_weights", 5)[0];
  auto const dim = names.size(2);
  ClimaxConfig config{.variables = names_of(options.variables, names.size(1)),
                      .patch = {1, weight.size(2), weight.size(3)},
                      .dim = dim,
                      .depth = count(state, "blocks.", ".norm1.weight"),
                      .heads = options.heads.value_or(std::max<int64_t>(1, dim / kHeadSize)),
                      .tokens = layout};
  config.grid = grid_of(options, need(state, "pos_embed", 3).size(1), config.patch);
  config.decoder_depth = 0;
  while (find(state, concat("head.", 2 * (config.decoder_depth + 1), ".weight")) != nullptr) {
    ++config.decoder_depth;
  }
  if (auto const* const time = find(state, "time_pos_embed")) {
    require(time->dim() == 3, "'time_pos_embed' has ", time->dim(), " axes, not 3");
    config.variant = ClimaxVariant::projection;
    config.history = time->size(1);
  }
  if (config.depth > 0) {
    auto const hidden = need(state, "blocks.0.mlp.fc1.weight", 2).size(0);
    config.mlp_ratio = static_cast<double>(hidden) / static_cast<double>(dim);
    while (mlp_width(config) < hidden) {  // the quotient was rounded down
      config.mlp_ratio = std::nextafter(config.mlp_ratio, 2 * config.mlp_ratio);
    }
  }
  return config;
}

ImportedModel import_climax(PytorchCheckpoint const& checkpoint, ClimaxImport const& options) {
  ImportedModel imported;
  report_removed_prefix(checkpoint, imported.report);
  auto const stored = renamed_state(checkpoint, imported.report);
  auto const before = infer_climax(stored, options);
  auto const after = changed(before, options);
  imported.spec = spec_of(after, options);
  auto const network = std::make_shared<Climax>(after, imported.spec, options.seed);
  imported.network = network;
  if (before.tokens != after.tokens) {
    imported.report.emplace_back(after.tokens == TokenLayout::parallel
                                     ? "renamed     token_embeds.N.proj.weight and .bias to rows N "
                                       "of token_embeds.proj_weights and .proj_biases"
                                     : "renamed     rows N of token_embeds.proj_weights and "
                                       ".proj_biases to token_embeds.N.proj.weight and .bias");
  }
  auto const state = with_layout(stored, after.tokens);
  copy_weights(*network, adapted(state, before, network->settings(), imported), "ClimaX");
  if (before.variant == after.variant) {
    copy_moments(checkpoint, keys_of(stored), imported);
  } else if (!checkpoint.optimizer_state.empty()) {
    imported.report.emplace_back("dropped     the optimiser's state: it is of another variant");
  }
  auto const& facts = checkpoint.facts;
  if (facts.contains("optimizer_states") && !facts["optimizer_states"].empty()) {
    imported.report.emplace_back("dropped     optimizer_states");
  }
  imported.summary = summary_of(after, options);
  return imported;
}

}  // namespace eddyline
