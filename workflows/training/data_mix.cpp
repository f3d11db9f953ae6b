#include "workflows/training/data_mix.hpp"

#include <cmath>

#include "core/error.hpp"

namespace eddyline {
namespace {

constexpr char const* kWeight = "weight";

YamlNode without_weight(YamlNode const& section) {
  auto rest = YamlNode::map();
  for (size_t i = 0; i < section.keys.size(); ++i) {
    if (section.keys[i] != kWeight) {
      rest.add(section.keys[i], section.items[i], section.key_lines[i]);
    }
  }
  return rest;
}

DataPart read_part(DataConfig const& shared, std::string const& name, YamlText const& text) {
  ConfigPlace const place{"the configuration", "data.mix." + name};
  auto const section = parse_yaml(text.text, place.path);
  require(section.kind == YamlNode::Kind::map,
          place.path,
          " is no data set; give it at least a path: data.mix: {",
          name,
          ": {path: …}}");
  DataPart part{.name = name, .config = shared};
  part.config.path.clear();
  if (auto const* weight = section.find(kWeight)) {
    part.weight = read_double(*weight, place.at(kWeight));
  }
  require(
      part.weight > 0 && std::isfinite(part.weight),
      place.path,
      ".weight is ",
      part.weight,
      "; allowed: > 0, the times that an epoch passes through the set (leave the set out instead "
      "of 0)");
  config_type<DataConfig>()->set(&part.config, without_weight(section), place, MapEntries::replace);
  require(
      !part.config.path.empty(), place.path, " has no path; give the file or folder of the set");
  require(part.config.history == shared.history && part.config.horizon == shared.horizon,
          place.path,
          " has history ",
          part.config.history,
          " and horizon ",
          part.config.horizon,
          ", but all sets of a mix have those of the network: ",
          shared.history,
          " and ",
          shared.horizon,
          "; set data.history or data.horizon instead");
  return part;
}

}  // namespace

std::vector<DataPart> data_parts(TrainDataConfig const& config) {
  if (config.mix.empty()) {
    return {{.config = config}};
  }
  require(config.path.empty(),
          "data.path is '",
          config.path,
          "', but data.mix names the data sets; give each its path there");
  std::vector<DataPart> parts;
  for (auto const& [name, text] : config.mix) {
    parts.push_back(read_part(config, name, text));
  }
  return parts;
}

}  // namespace eddyline
