#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "data/field/field_set.hpp"
#include "data/field/grid.hpp"

namespace eddyline {

/// One trajectory of a rollout.
struct RolloutTrajectory {
  std::string source;                        ///< where its first frames came from
  std::map<std::string, double> parameters;  ///< constant scalars
  at::Tensor constants = {};                 ///< (Cc, D, H, W) float32, as much as a rank holds
};

/// What the frames of a rollout mean; the file `rollout.h5` keeps it.
struct RolloutDescription {
  std::string name;     ///< data set or equation
  std::string made_by;  ///< stepper: "morph", "diffusion_reaction"
  FieldSet fields;
  Grid grid;  ///< in the source's axis order
  std::string time_unit;
  std::string time_origin;           ///< the date of time 0; "" if there is none
  std::string calendar;              ///< of time_origin; "" is standard
  std::vector<std::string> scalars;  ///< those of the parameters that a network sees, in its order
  FieldSet constants;
  std::vector<RolloutTrajectory> trajectories;
  nlohmann::json facts =
      nlohmann::json::object();  ///< what else is worth keeping: configuration, versions

  /// True if frames of one can follow frames of the other: all but `facts` agree (of constants,
  /// their names).
  bool continues(RolloutDescription const& other) const;
};

/// All but the values of constant fields.
nlohmann::json to_json(RolloutDescription const& description);
/// \throw Error  naming the key that is missing or wrong
RolloutDescription rollout_description_from_json(nlohmann::json const& json);

}  // namespace eddyline
