#include "workflows/reporting/reported_run.hpp"

#include <nlohmann/json.hpp>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "data/formats/rollout_reader.hpp"
#include "workflows/run_folder.hpp"

namespace eddyline {
namespace {

constexpr int64_t kLargestEvaluation = int64_t{256} << 20;  // bytes

/// The path if there is such a file, else "".
std::filesystem::path if_there(std::filesystem::path const& file) {
  std::error_code missing;
  return std::filesystem::is_regular_file(file, missing) ? file : std::filesystem::path();
}

/// "b" of "a/b", "a/b/" and "a/b/.".
std::string last_name(std::filesystem::path const& folder) {
  auto const whole = std::filesystem::absolute(folder).lexically_normal();
  return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
}

nlohmann::json record_of(char const* what, RunFiles const& files) {
  return {{"of", what},
          {"config", if_there(files.config).string()},
          {"manifest", if_there(files.manifest).string()},
          {"log", if_there(files.log).string()}};
}

}  // namespace

ReportedRun find_run(std::filesystem::path const& path) {
  std::error_code missing;
  if (std::filesystem::is_regular_file(path, missing) && path.extension() == ".json") {
    evaluated_fields(path);
    auto const folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
    auto const is_usual = path.filename() == "evaluation.json";
    return {.name = is_usual ? last_name(folder) : path.stem().string(),
            .folder = folder,
            .evaluation = path};
  }
  if (is_rollout(path)) {
    auto const folder = std::filesystem::is_directory(path) ? path : path.parent_path();
    return {.name = last_name(folder), .folder = folder, .rollout = folder};
  }
  ReportedRun run{.name = last_name(path),
                  .folder = path,
                  .metrics = if_there(path / "metrics.csv"),
                  .evaluation = if_there(path / "evaluation.json")};
  if (is_rollout(path / "rollout")) {
    run.rollout = path / "rollout";
  }
  require(!run.metrics.empty() || !run.evaluation.empty() || !run.rollout.empty(),
          "'",
          path.string(),
          std::filesystem::exists(path, missing) ? "' is no run" : "' does not exist",
          "; give a folder that 'eddyline train' or 'eddyline rollout' made (with metrics.csv, "
          "evaluation.json, rollout/ or rollout.h5), or an evaluation.json");
  return run;
}

nlohmann::json to_json(ReportedRun const& run) {
  auto records = nlohmann::json::array();
  if (!run.metrics.empty()) {
    records.push_back(record_of("training", RunFiles::in(run.folder)));
  }
  if (!run.evaluation.empty()) {
    records.push_back(record_of("evaluation", RunFiles::beside(run.evaluation)));
  }
  if (!run.rollout.empty()) {
    records.push_back(record_of("rollout", RunFiles::in(run.rollout)));
  }
  return {{"name", run.name},
          {"path", run.folder.string()},
          {"metrics", run.metrics.string()},
          {"evaluation", run.evaluation.string()},
          {"records", records}};
}

std::vector<std::string> evaluated_fields(std::filesystem::path const& evaluation) {
  auto const json = nlohmann::json::parse(
      read_text(evaluation, kLargestEvaluation), nullptr, /*allow_exceptions=*/false);
  try {
    require(!json.is_discarded() && json.at("format") == "eddyline evaluation",
            "'",
            evaluation.string(),
            "' is not what 'eddyline evaluate' writes; run it again with --overwrite");
    return json.at("fields");
  } catch (nlohmann::json::exception const& error) {
    throw Error(concat("'",
                       evaluation.string(),
                       "' is not what 'eddyline evaluate' writes: ",
                       error.what(),
                       "; run it again with --overwrite"));
  }
}

}  // namespace eddyline
