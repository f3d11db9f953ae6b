// The recipes of workflows/recipes with the built program: their own files, cut short.
#include <gmock/gmock.h>

#include <filesystem>
#include <map>

#include <gtest/gtest.h>

#include "tests/apps/process.hpp"
#include "tests/places.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

std::string const kRecipes = source_file("workflows/recipes/");

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

TEST(Quickstart, RunsFromSimulationToPicturesWithParaView) {
  auto const folder = scratch("quickstart");
  auto const recipe = kRecipes + "quickstart/";
  auto const simulated =
      eddyline_in(folder,
                  "simulate " + recipe +
                      "simulate.yaml out=runs/quickstart-data train.trajectories=4 "
                      "valid.trajectories=1 test.trajectories=1");
  ASSERT_EQ(simulated.code, 0) << simulated.text;
  auto const trained = eddyline_in(
      folder, "train " + recipe + "train.yaml train.steps=4 train.schedule.warmup_steps=1");
  ASSERT_EQ(trained.code, 0) << trained.text;
  auto const rolled = eddyline_in(folder, "rollout " + recipe + "rollout.yaml steps=8");
  ASSERT_EQ(rolled.code, 0) << rolled.text;
  auto const evaluated = eddyline_in(folder, "evaluate " + recipe + "evaluate.yaml horizon=8");
  ASSERT_EQ(evaluated.code, 0) << evaluated.text;
  EXPECT_THAT(evaluated.text, HasSubstr("vrmse.well"));
  auto const drawn = outcome_of("cd " + folder + " && " + recipe + "draw runs/quickstart");
  ASSERT_EQ(drawn.code, 0) << drawn.text;
  for (auto const* picture : {"rollout_activator.png", "rollout_inhibitor.png", "loss.png"}) {
    auto const path = folder + "/runs/quickstart/pictures/" + picture;
    ASSERT_TRUE(std::filesystem::exists(path)) << path;
    EXPECT_GT(std::filesystem::file_size(path), 10000U) << path << " is an empty sheet";
  }
  std::filesystem::remove_all(folder);
}

TEST(Era5, TrainsAndScoresOnTheRealHours) {
  auto const file = source_folder() / "../shared/data/climate/era5_t2m_2019-03.nc";
  if (!std::filesystem::exists(file)) {
    GTEST_SKIP() << "there is no " << file.string();
  }
  auto const folder = scratch("era5");
  auto const recipe = kRecipes + "era5_t2m/";
  auto const trained = eddyline_in(folder,
                                   concat("train ",
                                          recipe,
                                          "train.yaml data.path=",
                                          file.string(),
                                          " train.steps=2 train.schedule.warmup_steps=1"));
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

TEST(TaylorGreen, RunsFromSimulationToScores) {
  auto const folder = scratch("taylor_green");
  auto const recipe = kRecipes + "taylor_green/";
  auto const simulated = eddyline_in(
      folder,
      "simulate " + recipe +
          "simulate.yaml out=runs/taylor_green-data train.trajectories=2 valid.trajectories=1 "
          "test.trajectories=2");
  ASSERT_EQ(simulated.code, 0) << simulated.text;
  auto const trained = eddyline_in(
      folder,
      "train " + recipe + "train.yaml train.batch=2 train.steps=2 train.schedule.warmup_steps=1");
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
  for (auto const& [set, file] :
       std::map<std::string, std::string>{{"waves", kRecipes + "quickstart/simulate.yaml"},
                                          {"vortices", kRecipes + "taylor_green/simulate.yaml"},
                                          {"eddies", recipe + "eddies.yaml"}}) {
    auto const simulated =
        eddyline_in(folder,
                    concat("simulate ",
                           file,
                           " train.trajectories=2 valid.trajectories=1 test.trajectories=1 out=",
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
    auto const trained =
        eddyline_in(folder,
                    concat("train ",
                           recipe,
                           network,
                           ".yaml train.steps=4 train.schedule.warmup_steps=1 train.log_every=1"));
    ASSERT_EQ(trained.code, 0) << trained.text;
    for (auto const& set : sets) {
      auto const report = concat(run, "/test-", set, ".json");
      auto const scored = eddyline_in(
          folder,
          concat("evaluate ", recipe, "evaluate.yaml one_step_windows=4 out=", report) +
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
                      "-data train.trajectories=2 valid.trajectories=1 test.trajectories=1");
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
    auto const trained = eddyline_in(folder,
                                     concat("train ",
                                            run,
                                            ".yaml run.name=",
                                            name,
                                            "-",
                                            network,
                                            " train.steps=2 train.schedule.warmup_steps=1"
                                            " train.log_every=1"));
    ASSERT_EQ(trained.code, 0) << trained.text;
    auto const evaluated =
        eddyline_in(folder,
                    concat("evaluate ",
                           recipe,
                           "evaluate.yaml model=",
                           run,
                           "/checkpoints/best.h5 horizon=4 one_step_windows=8 out=",
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
