#include "workflows/evaluation/run_evaluate.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <fstream>

#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "core/log.hpp"
#include "tests/workflows/rollout/small_model.hpp"

namespace eddyline {
namespace {

using namespace testing_rollout;
using testing::HasSubstr;

EvaluateConfig config_in(std::filesystem::path const& folder) {
  EvaluateConfig config;
  config.model = (folder / "run" / "checkpoints" / "best.h5").string();
  config.split = Split::all;
  config.horizon = 8;
  config.device = DeviceKind::cpu;
  return config;
}

TEST(RunEvaluate, WritesEveryMetricOfEveryMethodAndStepOnOneRank) {
  auto const folder = prepare("evaluate");
  auto const world = Communicator::world();
  auto const result = run_evaluate(config_in(folder), Existing::refuse, world);
  EXPECT_EQ(result.one_step.samples, 3 * 10) << "12 frames, 2 of them inputs";
  std::ifstream file(folder / "run" / "evaluation.json");
  auto const json = nlohmann::json::parse(file);
  EXPECT_EQ(json["horizon"], 8);
  EXPECT_EQ(json["rollouts"], 3);
  EXPECT_EQ(json["methods"], (std::vector<std::string>{"model", "persistence", "linear", "mean"}));
  for (auto const* method : {"model", "persistence", "linear", "mean"}) {
    EXPECT_TRUE(json["steps"][7]["scores"]["vrmse.well"][method]["w"].is_number()) << method;
  }
  EXPECT_EQ(json["data"]["transforms"], "x: Fourier (periodic); y: Fourier (periodic)");
  EXPECT_EQ(json["metrics"]["rmse.morph"]["space"], "normalised");
  // The training statistics of this model say mean 0.1 and standard deviation 1.
  EXPECT_NEAR(json["one_step"]["mse.morph"]["model"]["all"].get<double>(),
              (std::pow(json["one_step"]["rmse.unweighted"]["model"]["u"].get<double>(), 2) +
               std::pow(json["one_step"]["rmse.unweighted"]["model"]["w"].get<double>(), 2)) /
                  2,
              1e-6);
  EXPECT_LT(json["one_step"]["vrmse.well"]["linear"]["u"].get<double>(),
            json["one_step"]["vrmse.well"]["persistence"]["u"].get<double>());
}

TEST(RunEvaluate, DirectForecastsAgreeWithIteratedOnesAtTheFirstStepOnlyOnOneRank) {
  auto const folder = prepare("evaluate_direct");
  auto const world = Communicator::world();
  auto config = config_in(folder);
  auto const iterated = run_evaluate(config, Existing::refuse, world);
  config.forecast = Forecast::direct;
  auto const direct = run_evaluate(config, Existing::overwrite, world);
  auto const& of_iterated = iterated.rollout->columns.at("rmse.unweighted").at("model");
  auto const& of_direct = direct.rollout->columns.at("rmse.unweighted").at("model");
  EXPECT_EQ(of_direct[0].overall, of_iterated[0].overall);
  EXPECT_NE(of_direct[1].overall, of_iterated[1].overall);
  auto const json =
      nlohmann::json::parse(read_text(folder / "run" / "evaluation.json", int64_t{1} << 24));
  EXPECT_EQ(json["forecast"], "direct");
}

TEST(RunEvaluate, DoesNotDependOnTheNumberOfRanks) {
  constexpr double kRoundOff = 1e-5;  // other batch sizes order a product's sums otherwise
  auto const folder = prepare("evaluate_ranks");
  auto config = config_in(folder);
  auto const shared = run_evaluate(config, Existing::overwrite, Communicator::world());
  config.out = (folder / ("alone." + std::to_string(Communicator::world().rank()))).string();
  auto const alone = run_evaluate(config, Existing::overwrite, Communicator::self());
  for (auto const* metric : {"vrmse.well", "rmse", "vrmse.morph", "spectrum.well.low"}) {
    EXPECT_NEAR(shared.rollout->columns.at(metric).at("model")[7].overall,
                alone.rollout->columns.at(metric).at("model")[7].overall,
                kRoundOff)
        << metric;
  }
}

TEST(RunEvaluate, ScoresANetworkWhoseLeadIsNotItsStrideOnOneRank) {
  auto const folder = prepare("evaluate_lead");
  auto const world = Communicator::world();
  auto windows = two_frames();
  windows.input_stride = windows.lead = 3;
  world.together([&] {
    if (world.is_root()) {
      write_model(folder / "far", folder / "data", windows);
    }
  });
  auto config = config_in(folder);
  config.model = (folder / "far" / "checkpoints" / "best.h5").string();
  config.horizon = 2;
  auto const result = run_evaluate(config, Existing::refuse, world);
  EXPECT_EQ(result.interval, 1.5);
  EXPECT_EQ(result.one_step.samples, 3 * 6) << "12 frames, windows of 7";
}

TEST(RunEvaluate, RefusesToReplaceAScore) {
  auto const folder = prepare("evaluate_again");
  auto const world = Communicator::world();
  auto config = config_in(folder);
  config.horizon = 0;
  config.metrics = {"vrmse.well"};
  run_evaluate(config, Existing::refuse, world);
  world.barrier();
  try {
    run_evaluate(config, Existing::refuse, world);
    FAIL() << "no error";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(), HasSubstr("evaluation.json' exists; replace it with --overwrite"));
  }
}

TEST(RunEvaluate, LeavesItsRecordBesideTheScoresAndTellsHowFarItIs) {
  auto const folder = prepare("evaluate_record");
  auto const world = Communicator::world();
  auto config = config_in(folder);
  config.metrics = {"rmse"};
  run_evaluate(config, Existing::refuse, world, {"horizon=8"});
  detach_log_file();
  world.barrier();
  auto const files = RunFiles::beside(folder / "run" / "evaluation.json");
  EXPECT_THAT(read_text(files.config, 10000), HasSubstr("horizon: 8"));
  auto const manifest = nlohmann::json::parse(read_text(files.manifest, 100000));
  EXPECT_EQ(manifest["verb"], "evaluate");
  EXPECT_EQ(manifest["arguments"][0], "horizon=8");
  auto const log = read_text(files.log, 100000);
  EXPECT_THAT(log, HasSubstr("evaluate 1 step 30/30, step 1, "));
  if (world.size() < 4) {  // else the root rank, which speaks, has none of the three rollouts
    EXPECT_THAT(log, HasSubstr("evaluate 8 steps 24/24, step 8, "));
  }
}

TEST(RunEvaluate, RefusesAnUnknownMetricBeforeItReads) {
  EvaluateConfig config;
  config.model = "nowhere.h5";
  config.metrics = {"vrmse.wall"};
  try {
    run_evaluate(config, Existing::refuse, Communicator::self());
    FAIL() << "no error";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(), HasSubstr("unknown metric 'vrmse.wall'; did you mean 'vrmse.well'?"));
  }
}

}  // namespace
}  // namespace eddyline
