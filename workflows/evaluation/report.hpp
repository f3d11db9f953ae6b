#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "workflows/evaluation/score_board.hpp"

namespace eddyline {

/// Scores of one evaluation with what they are of.
struct EvaluationResult {
  std::vector<std::string> fields;  ///< channel names
  std::vector<std::string> units;   ///< of the channels
  double interval = 1;              ///< of a step
  std::string time_unit;
  Scores one_step;
  std::optional<Scores> rollout;  ///< none with horizon 0
};

/// {"metrics": {name: {definition, space, unit}}, "one_step": …, "windows": {"6:12": …}, "steps":
/// [{"step": 1, "time": 0.5, "scores": {metric: {method: {field: value, "mean": value}}}}]}. Values
/// that are not finite are null.
nlohmann::json to_json(EvaluationResult const& result);

/// The model beside the baselines by one metric: one step, the windows and several steps, a line a
/// field.
std::string score_table(EvaluationResult const& result, std::string const& metric);

}  // namespace eddyline
