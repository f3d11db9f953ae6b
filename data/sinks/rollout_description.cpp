#include "data/sinks/rollout_description.hpp"

#include "core/error.hpp"
#include "data/field/json.hpp"

namespace eddyline {
namespace {

nlohmann::json core_of(RolloutDescription const& description) {
  auto trajectories = nlohmann::json::array();
  for (auto const& trajectory : description.trajectories) {
    trajectories.push_back({{"source", trajectory.source}, {"parameters", trajectory.parameters}});
  }
  return {{"name", description.name},
          {"made_by", description.made_by},
          {"fields", to_json(description.fields)},
          {"grid", to_json(description.grid)},
          {"time_unit", description.time_unit},
          {"time_origin", description.time_origin},
          {"calendar", description.calendar},
          {"scalars", description.scalars},
          {"constants", to_json(description.constants)},
          {"trajectories", trajectories}};
}

}  // namespace

bool RolloutDescription::continues(RolloutDescription const& other) const {
  return core_of(*this) == core_of(other);
}

nlohmann::json to_json(RolloutDescription const& description) {
  auto json = core_of(description);
  json["facts"] = description.facts;
  return json;
}

RolloutDescription rollout_description_from_json(nlohmann::json const& json) {
  try {
    RolloutDescription description{.name = json.at("name"), .made_by = json.at("made_by")};
    description.fields = field_set_from_json(json.at("fields"));
    description.grid = grid_from_json(json.at("grid"));
    description.time_unit = json.at("time_unit");
    description.time_origin = json.at("time_origin");
    description.calendar = json.at("calendar");
    description.scalars = json.at("scalars");
    description.constants = field_set_from_json(json.at("constants"));
    for (auto const& item : json.at("trajectories")) {
      description.trajectories.push_back({item.at("source"), item.at("parameters")});
    }
    description.facts = json.value("facts", nlohmann::json::object());
    return description;
  } catch (nlohmann::json::exception const& error) {
    throw Error(concat("the description of the rollout is not as it was written: ", error.what()));
  }
}

}  // namespace eddyline
