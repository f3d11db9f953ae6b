#include "workflows/reporting/run_report.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "core/timers.hpp"
#include "tests/message_of.hpp"
#include "tests/python.hpp"
#include "tests/workflows/rollout/small_model.hpp"
#include "workflows/evaluation/run_evaluate.hpp"
#include "workflows/rollout/run_rollout.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;
using testing_rollout::prepare;

constexpr int64_t kLargestPage = int64_t{1} << 26;

std::string words_of(std::filesystem::path const& page) {
  return read_text(page, kLargestPage);
}

/// Whether the page holds the words; a matcher would print megabytes of pictures.
bool holds(std::string const& page, std::string const& words) {
  return page.find(words) != std::string::npos;
}

/// What the checker says of a page with so many pictures.
std::string check(std::filesystem::path const& page, int pictures) {
  return python(concat(source_file("tests/workflows/reporting/check_page.py"),
                       " '",
                       page.string(),
                       "' ",
                       pictures,
                       " provenance losses lead-time spectra sums pictures animation tables "
                       "timings"));
}

/// What the checker says the pictures of a report show.
std::string shown_in(std::filesystem::path const& page) {
  return python(concat(source_file("tests/workflows/reporting/check_side_by_side.py"),
                       " '",
                       page.parent_path().string(),
                       "'"));
}

ReportConfig config_of(std::vector<std::string> const& runs) {
  return {.runs = runs, .metric = "rmse", .frames = 2, .python = venv_python()};
}

void evaluate(std::filesystem::path const& folder) {
  EvaluateConfig config;
  config.model = (folder / "run" / "checkpoints" / "best.h5").string();
  config.split = Split::all;
  config.horizon = 4;
  config.metrics = {"rmse"};
  config.table = "rmse";
  config.device = DeviceKind::cpu;
  run_evaluate(config, Existing::refuse, Communicator::self());
}

void roll_out(std::filesystem::path const& folder) {
  RolloutConfig config;
  config.model = (folder / "run" / "checkpoints" / "best.h5").string();
  config.split = Split::all;
  config.steps = 4;
  config.device = DeviceKind::cpu;
  run_rollout(config, Existing::refuse, Communicator::self(), {"steps=4"});
}

/// The run's evaluation with some of its values altered, as <name>.json.
std::string altered(std::filesystem::path const& folder,
                    std::string const& name,
                    nlohmann::json const& values) {
  auto json = nlohmann::json::parse(words_of(folder / "run" / "evaluation.json"));
  json.update(values);
  auto const path = folder / (name + ".json");
  std::ofstream(path) << json;
  return path.string();
}

/// The files that a training leaves besides its checkpoints.
void pretend_training(std::filesystem::path const& run) {
  std::ofstream(run / "metrics.csv") << "step,epoch,loss,learning_rate,valid_loss\n0,0,1.0,0.1,\n"
                                        "10,0,0.5,0.1,0.6\n10,0,,,0.6\n20,1,0.2,0.05,0.3\n";
  std::ofstream(run / "config.yaml") << "train: {batch: 12345}  # <script>alert(1)</script>\n";
  std::ofstream(run / "manifest.json")
      << R"({"verb": "train", "commit": "<b>c0ffee</b>", "hosts": ["n1", "n1"], "starts": []})";
  Timers timers;
  timers.add("gradients", Phase::communication, 1.5);
  timers.add("step", Phase::compute, 4.5);
  std::ofstream log(run / "log.txt");
  std::istringstream lines(timers.report());
  for (std::string line; std::getline(lines, line);) {
    log << "2026-11-26T15:46:31+00:00 info   " << line << "\n";
  }
}

TEST(RunReport, ShowsAllOfARunInOnePageThatNeedsNothingElse) {
  auto const folder = prepare("report_page");
  evaluate(folder);
  roll_out(folder);
  auto const run = folder / "a<b>";  // a name must not become a tag
  std::filesystem::rename(folder / "run", run);
  pretend_training(run);
  auto const page = run_report(config_of({run.string()}), Existing::refuse, Communicator::self());
  EXPECT_EQ(page, run / "report" / "report.html");
  // Losses, lead time, spectra, sums, u, w and the animation.
  EXPECT_EQ(check(page, 7), "the page is whole\n");
  auto const words = words_of(page);
  for (auto const* part : {"12345",
                           "&lt;script&gt;",
                           "c0ffee",
                           "n1 × 2",
                           "persistence",
                           "step 4",
                           "communication",
                           "25.0 %",
                           "u of a&lt;b&gt;, trajectory 0"}) {
    EXPECT_TRUE(holds(words, part)) << part;
  }
  EXPECT_FALSE(holds(words, "this makes it"));
  for (auto const* name : {"losses.png", "lead_time.png", "u_a_b__0.png", "animation_a_b__0.gif"}) {
    EXPECT_GT(std::filesystem::file_size(run / "report" / name), 5000U) << name;
  }
}

TEST(RunReport, SetsRunsSideBySideAndSaysWhatTheyLack) {
  auto const folder = prepare("report_two");
  evaluate(folder);
  auto const data = (folder / "data").string();
  auto config =
      config_of({(folder / "run").string(), (folder / "run" / "evaluation.json").string(), data});
  config.out = (folder / "out").string();
  config.steps = {0, 4};
  config.fields = {"w"};
  config.trajectories = {2};
  auto const page = run_report(config, Existing::refuse, Communicator::self());
  // Lead time, and of the rollout without truth spectra, sums, w and the animation.
  EXPECT_EQ(check(page, 5), "the page is whole\n");
  auto const words = words_of(page);
  EXPECT_TRUE(holds(words, "data, trajectory 2 has no truth beside it"));
  EXPECT_TRUE(holds(words, "run has no losses; this makes it: <code>eddyline train"));
  EXPECT_TRUE(holds(words, "run has no rollout; this makes it: <code>eddyline rollout model="));
  EXPECT_TRUE(holds(words, "data has no scores; this makes it: <code>eddyline evaluate model="));
}

TEST(RunReport, DrawsRunsWithOneTruthIntoOnePictureUnderTheirNamesAndUnits) {
  auto const folder = prepare("report_together");
  evaluate(folder);
  roll_out(folder);
  auto const other = folder / "_o$t$her";  // neither left out nor set as mathematics
  std::filesystem::copy(folder / "run", other, std::filesystem::copy_options::recursive);
  auto config = config_of({(folder / "run").string(), other.string(), (folder / "data").string()});
  config.out = (folder / "out").string();
  config.steps = {0, 4};
  config.fields = {"u"};
  auto const page = run_report(config, Existing::refuse, Communicator::self());
  // Lead time; spectra and sums of both runs together and of the data, which have no truth; of each
  // of the three u and the animation.
  EXPECT_EQ(check(page, 1 + 2 * 2 + 3 * 2), "the page is whole\n");
  auto const words = words_of(page);
  for (auto const* quantity : {"power spectra of ", "sums of "}) {
    EXPECT_TRUE(holds(
        words,
        concat(quantity, "run, trajectory 0, _o$t$her, trajectory 0, beside the truth of all")));
    EXPECT_TRUE(holds(words, concat(quantity, "data, trajectory 0\"")));
  }
  EXPECT_EQ(shown_in(page),
            "lead time: u: rmse [K] × 5 against lead time [s] of run, persistence, linear, mean, "
            "_o$t$her\n"
            "pictures: truth u [K], prediction u [K], error error of u [K]; 6 panels\n"
            "pictures: prediction u [K]; 2 panels\n"
            "spectra: truth, run, _o$t$her\nsums: truth, run, _o$t$her\n"
            "spectra: prediction\nsums: prediction\n");
}

TEST(RunReport, NamesEveryCurveAndLeavesNoTimeInTheUnitOfAnother) {
  auto const folder = prepare("report_units");
  evaluate(folder);
  auto config = config_of(
      {altered(folder, "both", {{"fields", {"u", "w", "u_w"}}, {"units", {"K", "K", "m"}}}),
       altered(folder, "w_alone", {{"fields", {"w"}}, {"units", {"K"}}}),
       altered(folder, "hours", {{"time_unit", "h"}})});
  config.fields = {"u", "w"};  // u_w is another field, no component of u
  auto const page = run_report(config, Existing::refuse, Communicator::self());
  EXPECT_EQ(check(page, 2), "the page is whole\n");
  EXPECT_EQ(shown_in(page),
            "lead time: u: rmse [K] × 4; w: rmse [K] × 5 against lead time [s] of both, "
            "persistence, linear, mean, w_alone\n"
            "lead time: u: rmse [K] × 4; w: rmse [K] × 4 against lead time [h] of hours, "
            "persistence, linear, mean\n");
  EXPECT_TRUE(holds(words_of(page), "rmse against lead time of both, w_alone; dashed"));
  for (auto const* file : {"lead_time.png", "lead_time_2.png"}) {
    EXPECT_TRUE(std::filesystem::exists(page.parent_path() / file)) << "neither replaced the other";
  }
}

TEST(RunReport, SaysWhichEvaluationHasNoneOfTheFields) {
  auto const folder = prepare("report_fields");
  evaluate(folder);
  auto config =
      config_of({(folder / "data").string(), altered(folder, "air", {{"fields", {"p", "q"}}})});
  config.fields = {"w"};
  auto const page = run_report(config, Existing::refuse, Communicator::self());
  auto const words = words_of(page);
  EXPECT_TRUE(holds(words, "the evaluation of air has none of the fields that were asked for"));
  EXPECT_TRUE(holds(words, "no evaluation has the fields that were asked for"));
}

TEST(RunReport, TakesTheComponentsThatARolloutTells) {
  EXPECT_EQ(python(concat("-c \"import sys; sys.path.insert(0, '",
                          source_file("workflows/reporting"),
                          "'); import report; print(report.wanted({'fields': ['v'], 'runs': "
                          "[{'trajectories': [{'channels': [{'name': 'v_x'}]}]}]}, "
                          "['v_x', 'v_wind', 'w']))\"")),
            "['v_x']\n");
}

TEST(RunReport, RefusesWhatItCannotShow) {
  auto const folder = prepare("report_refused");
  auto const data = (folder / "data").string();
  auto const refused = [&](ReportConfig config) {
    config.out = (folder / "out").string();
    return message_of([&] { run_report(config, Existing::refuse, Communicator::self()); });
  };
  EXPECT_THAT(refused({}), HasSubstr("there is nothing to report; name runs"));
  EXPECT_THAT(refused({.runs = {folder.string()}}), HasSubstr("is no run"));
  EXPECT_THAT(refused({.runs = {data}, .fields = {"ww"}}),
              HasSubstr("no run has a field 'ww'; did you mean 'w'? known: u, w"));
  EXPECT_THAT(refused({.runs = {data}, .trajectories = {3}}),
              HasSubstr("there is no trajectory 3; the rollout has 0 to 2"));
  std::ofstream(folder / "damaged.json") << R"({"format": "eddyline evaluation", "fields": ["u"]})";
  EXPECT_THAT(refused({.runs = {(folder / "damaged.json").string()}, .python = venv_python()}),
              HasSubstr("is not as eddyline writes it, seen at 'Scores': KeyError('metrics')"));
  std::filesystem::create_directories(folder / "out");
  std::ofstream(folder / "out" / "report.html") << "mine";
  EXPECT_THAT(refused({.runs = {data}}), HasSubstr("exists; replace it with --overwrite"));
}

}  // namespace
}  // namespace eddyline
