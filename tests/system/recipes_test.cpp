// The recipes of workflows/recipes with the built program: their own files, cut short.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <map>

#include <gtest/gtest.h>

#include "tests/apps/process.hpp"
#include "tests/places.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

std::string const kRecipes = source_file("workflows/recipes/");
/// Two updates on next to nothing.
std::string const kShort =
    " train.steps=2 train.batch=2 train.log_every=1 train.schedule.warmup_steps=1"
    " train.validate.batches=1";

/// A folder in which the recipes' relative paths lead nowhere else.
std::string scratch(std::string const& name) {
  auto const path =
      std::filesystem::temp_directory_path() / concat("eddyline_", name, "_", getpid());
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path);
  return path.string();
}

Outcome eddyline_in(std::string const& folder, std::string const& arguments) {
  return outcome_of("cd " + folder + " && " + mpirun(2) + kProgram + " " + arguments);
}

TEST(Quickstart, RunsFromSimulationToPicturesWithParaViewAndReplacesItsOwnRun) {
  auto const folder = scratch("quickstart");
  auto const recipe = kRecipes + "quickstart/";
  auto const call = [&](std::string const& verb) {
    auto const outcome = eddyline_in(folder, verb + " --overwrite");
    EXPECT_EQ(outcome.code, 0) << outcome.text;
    return outcome.text;
  };
  auto const train = "train " + recipe + "train.yaml" + kShort;
  call("simulate " + recipe +
       "simulate.yaml out=runs/quickstart-data train.trajectories=2 valid.trajectories=1 "
       "test.trajectories=1 save.frames=8");
  call(train);
  auto const old = folder + "/runs/quickstart/pictures/old.png";
  std::filesystem::create_directories(folder + "/runs/quickstart/pictures");
  std::ofstream(old) << "of an earlier call";
  call(train);
  EXPECT_FALSE(std::filesystem::exists(old)) << "the earlier call's is left";
  call("rollout " + recipe + "rollout.yaml steps=1");
  EXPECT_THAT(call("evaluate " + recipe + "evaluate.yaml horizon=2"), HasSubstr("vrmse.well"));
  auto const drawn = outcome_of("cd " + folder + " && " + recipe + "draw runs/quickstart");
  ASSERT_EQ(drawn.code, 0) << drawn.text;
  for (auto const* picture : {"rollout_activator.png", "rollout_inhibitor.png", "loss.png"}) {
    auto const path = folder + "/runs/quickstart/pictures/" + picture;
    ASSERT_TRUE(std::filesystem::exists(path)) << path;
    EXPECT_GT(std::filesystem::file_size(path), 10000U) << path << " is an empty sheet";
  }
  std::filesystem::remove_all(folder);
}

/// What check_scores.py says of scores of fields u and v at 30 steps, 0.2 of the model beside 0.3
/// of persistence but for `u` of the model at step 12.
Outcome check_scores(std::string const& u, std::string const& persistence = "0.3") {
  Scratch const scratch;
  auto const file = scratch / "evaluation.json";
  {
    std::ofstream out(file);
    out << R"({"fields": ["u", "v"], "steps": [)";
    for (int step = 1; step <= 30; ++step) {
      out << concat(step == 1 ? "" : ", ",
                    R"({"step": )",
                    step,
                    R"(, "scores": {"vrmse.well": {"model": {"u": )",
                    step == 12 ? u : "0.2",
                    R"(, "v": 0.2}, "persistence": {"u": )",
                    persistence,
                    R"(, "v": 0.3}}}})");
    }
    out << "]}";
  }
  return outcome_of(concat(venv_python(), " ", kRecipes, "quickstart/check_scores.py ", file));
}

TEST(Quickstart, ChecksThatItsForecastBeatsPersistenceAndTheMeanAtEveryStep) {
  auto const good = check_scores("0.25");
  EXPECT_EQ(good.code, 0) << good.text;
  EXPECT_THAT(good.text,
              HasSubstr("vrmse.well is below persistence and below 1 at every one of 30 steps: at "
                        "most 0.25 (u, step 12)"));
  auto const persistence = check_scores("0.31");
  EXPECT_EQ(persistence.code, 1);
  EXPECT_THAT(
      persistence.text,
      HasSubstr("error: vrmse.well of 'u' is 0.31 at step 12, where persistence has 0.3; "));
  EXPECT_EQ(check_scores("null", "9").code, 1) << "not a number";
  EXPECT_THAT(check_scores("1.01", "9").text, HasSubstr("is 1.01 at step 12"));
  EXPECT_THAT(check_scores("0.1", "0.19").text,
              HasSubstr("error: persistence has vrmse.well 0.19 of 'u' after one step"));
}

TEST(Quickstart, SaysWhatItCannotCheck) {
  Scratch const scratch;
  std::ofstream(scratch / "evaluation.json") << R"({"fields": ["u"], "steps": []})";
  auto const check = concat(venv_python(), " ", kRecipes, "quickstart/check_scores.py ");
  auto const few = outcome_of(check + scratch / "evaluation.json");
  EXPECT_EQ(few.code, 1);
  EXPECT_THAT(few.text, HasSubstr("holds 0 steps; quickstart promises 30: evaluate with horizon="));
  auto const missing = outcome_of(check + scratch / "no.json");
  EXPECT_EQ(missing.code, 1);
  EXPECT_THAT(missing.text, HasSubstr("no.json' is not what 'eddyline evaluate' writes"));
}

Outcome train_two_steps(std::string const& folder,
                        std::string const& recipe,
                        std::filesystem::path const& data) {
  return eddyline_in(folder,
                     concat("train ", recipe, "train.yaml data.path=", data.string(), kShort));
}

TEST(Era5, TrainsAndScoresOnTheRealHours) {
  auto const file = source_folder() / "../shared/data/climate/era5_t2m_2019-03.nc";
  if (!std::filesystem::exists(file)) {
    GTEST_SKIP() << "there is no " << file.string();
  }
  auto const folder = scratch("era5");
  auto const recipe = kRecipes + "era5_t2m/";
  auto const trained = train_two_steps(folder, recipe, file);
  ASSERT_EQ(trained.code, 0) << trained.text;
  auto const evaluated = eddyline_in(
      folder, "evaluate " + recipe + "evaluate.yaml model=runs/era5_t2m/checkpoints/last.h5");
  ASSERT_EQ(evaluated.code, 0) << evaluated.text;
  auto const table =
      outcome_of("cd " + folder + " && " + venv_python() + " " + recipe + "table.py runs/era5_t2m");
  EXPECT_EQ(table.code, 0) << table.text;
  EXPECT_THAT(table.text, HasSubstr("MORPH, runs/era5_t2m"));
  // What the data's own description says of persistence on these hours.
  EXPECT_THAT(evaluated.text, HasSubstr("2.739")) << evaluated.text;
  std::filesystem::remove_all(folder);
}

TEST(Era5LeadTimes, ScoresOneNetworkAtSeveralLeadTimesAndDrawsThem) {
  auto const file = source_folder() / "../shared/data/climate/era5_t2m_2019-03.nc";
  if (!std::filesystem::exists(file)) {
    GTEST_SKIP() << "there is no " << file.string();
  }
  auto const folder = scratch("era5_lead_times");
  auto const recipe = kRecipes + "era5_lead_times/";
  auto const trained = train_two_steps(folder, recipe, file);
  ASSERT_EQ(trained.code, 0) << trained.text;
  std::string const run = "runs/era5_lead_times";
  for (std::string const hours : {"6", "24"}) {
    auto const evaluated = eddyline_in(folder,
                                       concat("evaluate ",
                                              recipe,
                                              "evaluate.yaml model=",
                                              run,
                                              "/checkpoints/last.h5 data.stride=",
                                              hours,
                                              " out=",
                                              run,
                                              "/evaluation-",
                                              hours,
                                              ".json"));
    ASSERT_EQ(evaluated.code, 0) << evaluated.text;
  }
  auto const drawn =
      outcome_of("cd " + folder + " && " + venv_python() + " " + recipe + "draw.py " + run);
  ASSERT_EQ(drawn.code, 0) << drawn.text;
  // Persistence on these hours, as the data's own description has it.
  EXPECT_THAT(drawn.text, HasSubstr("2.739 | 1.887 |"));
  EXPECT_THAT(drawn.text, HasSubstr("1.570 | 1.887 |"));
  auto const picture = folder + "/" + run + "/pictures/lead_times.png";
  EXPECT_GT(std::filesystem::file_size(picture), 10000U) << picture << " is an empty sheet";
  std::filesystem::remove_all(folder);
}

TEST(TaylorGreen, RunsFromSimulationToScores) {
  auto const folder = scratch("taylor_green");
  auto const recipe = kRecipes + "taylor_green/";
  auto const simulated = eddyline_in(
      folder,
      "simulate " + recipe +
          "simulate.yaml out=runs/taylor_green-data train.trajectories=1 valid.trajectories=1 "
          "test.trajectories=1");
  ASSERT_EQ(simulated.code, 0) << simulated.text;
  auto const trained = eddyline_in(folder, "train " + recipe + "train.yaml" + kShort);
  ASSERT_EQ(trained.code, 0) << trained.text;
  auto const evaluated = eddyline_in(folder, "evaluate " + recipe + "evaluate.yaml");
  ASSERT_EQ(evaluated.code, 0) << evaluated.text;
  for (auto const* word : {"vrmse.well", "pressure", "velocity_z", "step 7", "linear"}) {
    EXPECT_THAT(evaluated.text, HasSubstr(word));
  }
  std::filesystem::remove_all(folder);
}

std::string const kMixed = "runs/mixed_pretraining";

/// The recipe's data sets with one or two trajectories a part.
void make_mixed_data(std::string const& folder, std::string const& recipe) {
  auto const made = outcome_of(concat("cd ",
                                      folder,
                                      " && ",
                                      venv_python(),
                                      " ",
                                      recipe,
                                      "burgers.py ",
                                      kMixed,
                                      "-burgers/1D_Burgers_Sols_Nu0.1.hdf5 10"));
  ASSERT_EQ(made.code, 0) << made.text;
  for (auto const& [set, file] : std::map<std::string, std::string>{
           {"waves", kRecipes + "quickstart/simulate.yaml save.frames=17"},
           {"vortices", kRecipes + "taylor_green/simulate.yaml"},
           {"eddies", recipe + "eddies.yaml save.frames=17"}}) {
    auto const simulated =
        eddyline_in(folder,
                    concat("simulate ",
                           file,
                           " train.trajectories=1 valid.trajectories=1 test.trajectories=1 out=",
                           kMixed,
                           "-",
                           set));
    ASSERT_EQ(simulated.code, 0) << simulated.text;
  }
}

TEST(MixedPretraining, TrainsEachNetworkOnItsMixAndScoresItsSetsApart) {
  auto const folder = scratch("mixed");
  auto const recipe = kRecipes + "mixed_pretraining/";
  ASSERT_NO_FATAL_FAILURE(make_mixed_data(folder, recipe));
  std::string reports;
  for (auto const& [network, sets] : std::map<std::string, std::vector<std::string>>{
           {"morph", {"burgers-1", "vortices-2"}}, {"gphyt", {"waves-2", "eddies-1"}}}) {
    auto const run = concat(kMixed, "-", network);
    auto const trained = eddyline_in(folder, concat("train ", recipe, network, ".yaml", kShort));
    ASSERT_EQ(trained.code, 0) << trained.text;
    for (auto const& set : sets) {
      auto const report = concat(run, "/test-", set, ".json");
      auto const scored = eddyline_in(
          folder,
          concat("evaluate ", recipe, "evaluate.yaml one_step_windows=2 out=", report) +
              concat(" set=", set.substr(0, set.size() - 2), " data.stride=", set.back()) +
              concat(" model=", run, "/checkpoints/best.h5"));
      ASSERT_EQ(scored.code, 0) << scored.text;
      reports += " " + report;
    }
  }
  auto const table =
      outcome_of(concat("cd ", folder, " && ", venv_python(), " ", recipe, "table.py", reports));
  EXPECT_EQ(table.code, 0) << table.text;
  for (auto const* row :
       {"| morph | burgers | 1 |", "| morph | vortices | 2 |", "| gphyt | eddies | 1 |"}) {
    EXPECT_THAT(table.text, HasSubstr(row));
  }
  std::filesystem::remove_all(folder);
}

TEST(DiffusionReactionNetworks, TrainAndScoreOnTheSameDataAndUpdates) {
  auto const folder = scratch("networks");
  auto const recipe = kRecipes + "diffusion_reaction_networks/";
  std::string const name = "diffusion_reaction_networks";
  auto const simulated =
      eddyline_in(folder,
                  "simulate " + kRecipes + "quickstart/simulate.yaml out=runs/" + name +
                      "-data train.trajectories=1 valid.trajectories=1 test.trajectories=1 "
                      "save.frames=8");
  ASSERT_EQ(simulated.code, 0) << simulated.text;
  std::string runs;
  for (std::string const network : {"fno", "gphyt", "morph", "unet"}) {
    auto const run = concat("runs/", name, "-", network);
    auto const joined = outcome_of(concat("cd ",
                                          folder,
                                          " && cat ",
                                          recipe,
                                          "train.yaml ",
                                          recipe,
                                          network,
                                          ".yaml > ",
                                          run,
                                          ".yaml"));
    ASSERT_EQ(joined.code, 0) << joined.text;
    auto const trained =
        eddyline_in(folder, concat("train ", run, ".yaml run.name=", name, "-", network, kShort));
    ASSERT_EQ(trained.code, 0) << trained.text;
    auto const evaluated =
        eddyline_in(folder,
                    concat("evaluate ",
                           recipe,
                           "evaluate.yaml model=",
                           run,
                           "/checkpoints/best.h5 horizon=4 one_step_windows=2 out=",
                           run,
                           "/evaluation-test.json"));
    ASSERT_EQ(evaluated.code, 0) << evaluated.text;
    runs += " " + run;
  }
  auto const table =
      outcome_of(concat("cd ", folder, " && ", venv_python(), " ", recipe, "table.py test", runs));
  EXPECT_EQ(table.code, 0) << table.text;
  for (auto const* row : {"| fno |", "| gphyt |", "| morph |", "| unet |", "| persistence |"}) {
    EXPECT_THAT(table.text, HasSubstr(row));
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace eddyline
