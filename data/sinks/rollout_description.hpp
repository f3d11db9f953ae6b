#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/field/field_set.hpp"
#include "data/field/grid.hpp"

namespace eddyline {

/// One trajectory of a rollout.
struct RolloutTrajectory {
  std::string source;                        ///< where its first frames came from
  std::map<std::string, double> parameters;  ///< constant scalars
};

/// What the frames of a rollout mean; the file `rollout.h5` keeps it.
struct RolloutDescription {
  std::string name;     ///< data set or equation
  std::string made_by;  ///< stepper: "morph", "diffusion_reaction"
  FieldSet fields;
  Grid grid;  ///< in the source's axis order
  std::string time_unit;
  std::vector<RolloutTrajectory> trajectories;
  nlohmann::json facts =
      nlohmann::json::object();  ///< what else is worth keeping: configuration, versions

  /// True if frames of one can follow frames of the other: all but `facts` agree.
  bool continues(RolloutDescription const& other) const;
};

nlohmann::json to_json(RolloutDescription const& description);
/// \throw Error  naming the key that is missing or wrong
RolloutDescription rollout_description_from_json(nlohmann::json const& json);

}  // namespace eddyline
