#include "surrogates/climax/config.hpp"

#include <set>

#include "core/error.hpp"
#include "surrogates/climax/lead_time.hpp"

namespace eddyline {
namespace {

void require_positive(int64_t value, char const* key) {
  require(value >= 1, "model.", key, " is ", value, "; it must be at least 1");
}

void require_probability(double value, char const* key) {
  require(
      value >= 0 && value < 1, "model.", key, " is ", value, "; it must be at least 0 and below 1");
}

void check_width(ClimaxConfig const& config) {
  require_positive(config.dim, "dim");
  require_positive(config.heads, "heads");
  require(config.dim % 4 == 0,
          "model.dim ",
          config.dim,
          " is not a multiple of 4, as the tables of sines and cosines need");
  require(config.dim % config.heads == 0,
          "model.heads ",
          config.heads,
          " does not divide model.dim ",
          config.dim);
  require(mlp_width(config) >= 1,
          "model.mlp_ratio is ",
          config.mlp_ratio,
          "; dim · mlp_ratio must be at least 1");
}

void check_grid(ClimaxConfig const& config) {
  require(config.patch[0] == 1,
          "model.patch is ",
          config.patch[0],
          " on axis D; ClimaX has two dimensions: give 1, then H and W");
  for (size_t a = 0; a < 2; ++a) {
    auto const cells = (*config.grid)[a];
    auto const patch = config.patch[a + 1];
    require_positive(patch, "patch");
    require(cells >= 1 && cells % patch == 0,
            "model.grid has ",
            cells,
            " cells on axis ",
            "HW"[a],
            ", not a multiple of patch ",
            patch,
            "; change model.patch or use data.fit crop or pad");
  }
}

void check_variant(ClimaxConfig const& config) {
  require_positive(config.history, "history");
  require(config.history == 1 || config.variant == ClimaxVariant::projection,
          "model.history is ",
          config.history,
          "; ClimaX forecasts from 1 frame (only the variant projection takes more)");
  bool const has_box = config.region != RegionName::none || config.box.has_value();
  if (config.variant == ClimaxVariant::regional) {
    require(has_box,
            "model.variant is regional but no region is named; set model.region=Europe or "
            "model.box=[south, north, west, east]");
  } else {
    require(
        !has_box,
        "model.region and model.box belong to model.variant=regional; leave them out or set it");
  }
  if (config.box) {
    auto const& box = *config.box;
    require(box[0] < box[1] && box[0] >= -90 && box[1] <= 90,
            "model.box spans latitudes ",
            box[0],
            " to ",
            box[1],
            "; give south, north, west, east with -90 <= south < north <= 90");
  }
}

std::vector<std::string> variables_of(SurrogateSpec const& spec) {
  auto names = spec.input_fields.channel_names();
  std::set<std::string> seen(names.begin(), names.end());
  for (auto const& name : spec.output_fields.channel_names()) {
    if (seen.insert(name).second) {
      names.push_back(name);
    }
  }
  return names;
}

}  // namespace

int64_t mlp_width(ClimaxConfig const& config) {
  return static_cast<int64_t>(static_cast<double>(config.dim) * config.mlp_ratio);
}

std::array<int64_t, 2> table_patches(ClimaxConfig const& config) {
  return {(*config.grid)[0] / config.patch[1], (*config.grid)[1] / config.patch[2]};
}

LatLonBox region_box(ClimaxConfig const& config) {
  if (config.box) {
    auto const& box = *config.box;
    return {.south = box[0], .north = box[1], .west = box[2], .east = box[3]};
  }
  return box_of(config.region);
}

ClimaxConfig checked(ClimaxConfig config, SurrogateSpec const& spec) {
  auto const cells = spec.grid.shape();
  if (!config.grid) {
    config.grid = {cells[1], cells[2]};
  }
  if (config.variables.empty()) {
    config.variables = variables_of(spec);
  }
  std::set<std::string> seen;
  for (auto const& name : config.variables) {
    require(seen.insert(name).second, "model.variables names '", name, "' twice");
  }
  require(!config.variables.empty(), "model.variables is empty and the data have no fields");
  check_width(config);
  require(config.depth >= 0, "model.depth is ", config.depth, "; it must not be negative");
  require(config.decoder_depth >= 0,
          "model.decoder_depth is ",
          config.decoder_depth,
          "; it must not be negative");
  check_grid(config);
  check_variant(config);
  require_probability(config.dropout, "dropout");
  require_probability(config.drop_path, "drop_path");
  require(hours_in(config.time_unit) > 0,
          "model.time_unit is '",
          config.time_unit,
          "'; it is one of s, min, h and d");
  require(config.lead_hours > 0,
          "model.lead_hours is ",
          config.lead_hours,
          "; it must be above 0, 100 for published weights");
  return config;
}

}  // namespace eddyline
