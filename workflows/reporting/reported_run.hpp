#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace eddyline {

/// What one run has to show. A path that is empty is what the run lacks.
struct ReportedRun {
  std::string name;              ///< of its folder
  std::filesystem::path folder;  ///< the run's, or the one that the evaluation lies in
  std::filesystem::path metrics, evaluation, rollout;
};

/// Looks for metrics.csv, evaluation.json and rollout/ in a run's folder; takes the folder of a
/// rollout, or the JSON file of an evaluation, by itself.
/// \throw Error  if the path is none of these, naming what is looked for
ReportedRun find_run(std::filesystem::path const& path);

/// {"name", "path", "metrics", "evaluation": paths or "", "records": [{"of": "training", "config",
/// "manifest", "log"}]}: files that tell how the parts of the run were made, those that exist.
nlohmann::json to_json(ReportedRun const& run);

/// The fields that an evaluation.json scored. \throw Error  if it is damaged or something else
std::vector<std::string> evaluated_fields(std::filesystem::path const& evaluation);

}  // namespace eddyline
