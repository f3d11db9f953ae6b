#include "workflows/reporting/run_report.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/nearest.hpp"
#include "core/version.hpp"
#include "data/hdf5/file.hpp"
#include "workflows/reporting/drawing.hpp"
#include "workflows/reporting/reported_run.hpp"
#include "workflows/reporting/rollout_numbers.hpp"

namespace eddyline {
namespace {

/// All runs, in order; of those with one name the later ones are called by their paths.
std::vector<ReportedRun> find_runs(ReportConfig const& config) {
  require(!config.runs.empty(),
          "there is nothing to report; name runs: eddyline report runs/quickstart");
  require(config.frames >= 2, "frames is ", config.frames, "; an animation has at least 2");
  std::vector<ReportedRun> runs;
  std::set<std::string> names;
  for (auto const& path : config.runs) {
    runs.push_back(find_run(path));
    if (!names.insert(runs.back().name).second) {
      runs.back().name = path;
    }
  }
  return runs;
}

/// Refuses fields that no run has.
void check_fields(ReportConfig const& config, std::vector<ReportedRun> const& runs) {
  std::set<std::string> known;
  for (auto const& run : runs) {
    auto const add = [&](std::vector<std::string> const& names) {
      known.insert(names.begin(), names.end());
    };
    if (!run.rollout.empty()) {
      add(drawable_fields(run.rollout));
    }
    if (!run.evaluation.empty()) {
      add(evaluated_fields(run.evaluation));
    }
  }
  std::vector<std::string> const all(known.begin(), known.end());
  for (auto const& field : config.fields) {
    require(known.contains(field), "no run has a field '", field, "'", did_you_mean(field, all));
  }
}

/// Numbers of the trajectories of a run's rollout, as group <run>/<trajectory> of the file.
nlohmann::json write_trajectories(ReportConfig const& config,
                                  std::filesystem::path const& rollout,
                                  Hdf5Group const& group) {
  auto const count = trajectories_of(rollout);
  auto numbers = config.trajectories;
  if (numbers.empty()) {
    numbers = {0};
  }
  auto drawn = nlohmann::json::array();
  for (auto const number : numbers) {
    require(number >= 0 && number < count,
            "there is no trajectory ",
            number,
            "; the rollout has 0 to ",
            count - 1);
    drawn.push_back(write_rollout_numbers(rollout,
                                          {.trajectory = number,
                                           .fields = config.fields,
                                           .steps = config.steps,
                                           .frames = config.frames},
                                          group.create_group(std::to_string(number))));
  }
  return drawn;
}

/// report.json and report.h5.
void write_material(ReportConfig const& config,
                    std::vector<ReportedRun> const& runs,
                    std::filesystem::path const& out) {
  nlohmann::json report = {{"title", config.title},
                           {"metric", config.metric},
                           {"fields", config.fields},
                           {"version", version().number},
                           {"commit", version().commit},
                           {"runs", nlohmann::json::array()}};
  auto const path = out / "report.h5";
  auto file = Hdf5File::create_in_memory(path.string());
  for (size_t i = 0; i < runs.size(); ++i) {
    auto const& run = runs[i];
    auto json = to_json(run);
    json["rollout"] = run.rollout.string();
    json["trajectories"] = nlohmann::json::array();
    if (!run.rollout.empty()) {
      with_context(
          [&] {
            json["trajectories"] =
                write_trajectories(config, run.rollout, file.create_group(std::to_string(i)));
          },
          "reading the rollout in '",
          run.rollout.string(),
          "'");
    }
    report["runs"].push_back(json);
  }
  file.save(path);
  write_text(out / "report.json", report.dump(1) + "\n");
}

}  // namespace

std::filesystem::path run_report(ReportConfig const& config,
                                 Existing existing,
                                 Communicator const& world) {
  std::filesystem::path page;
  world.together([&] {
    if (!world.is_root()) {
      return;
    }
    auto const runs = find_runs(config);
    check_fields(config, runs);
    std::filesystem::path const out =
        config.out.empty() ? runs.front().folder / "report" : std::filesystem::path(config.out);
    page = out / "report.html";
    require(existing != Existing::refuse || !std::filesystem::exists(page),
            "'",
            page.string(),
            "' exists; replace it with --overwrite, or set out to another folder");
    std::error_code failed;
    std::filesystem::create_directories(out, failed);
    expect_machine(!failed, "the folder '", out.string(), "' cannot be made: ", failed.message());
    write_material(config, runs, out);
    log_line(draw("report.py", {out.string()}, config.python));
  });
  return world.broadcast(page.string());
}

}  // namespace eddyline
