#include "workflows/evaluation/report.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

/// model: 0.1 times the step; persistence: twice that; two fields, the second ten times the first.
EvaluationResult some_result(int64_t horizon) {
  auto const scores_of = [](int64_t steps) {
    Scores scores{.methods = {"model", "persistence"}, .samples = 3};
    for (int64_t step = 1; step <= steps; ++step) {
      auto const value = 0.1 * static_cast<double>(step);
      scores.columns["vrmse.well"]["model"].push_back({{value, 10 * value}, 5.5 * value});
      scores.columns["vrmse.well"]["persistence"].push_back(
          {{2 * value, std::nan("")}, std::nan("")});
      scores.columns["vrmse.morph"]["model"].push_back({{}, value});
      scores.columns["vrmse.morph"]["persistence"].push_back({{}, value});
    }
    return scores;
  };
  EvaluationResult result{.fields = {"u", "v"},
                          .units = {"K", ""},
                          .interval = 0.5,
                          .time_unit = "s",
                          .one_step = scores_of(1)};
  if (horizon > 0) {
    result.rollout = scores_of(horizon);
  }
  return result;
}

TEST(EvaluationReport, HoldsFieldStepAndMethod) {
  auto const json = to_json(some_result(30));
  EXPECT_DOUBLE_EQ(json["one_step"]["vrmse.well"]["model"]["u"], 0.1);
  EXPECT_DOUBLE_EQ(json["steps"][29]["scores"]["vrmse.well"]["model"]["v"], 30.0);
  EXPECT_DOUBLE_EQ(json["steps"][29]["time"], 15.0);
  EXPECT_TRUE(json["steps"][0]["scores"]["vrmse.well"]["persistence"]["v"].is_null())
      << "not a number";
  EXPECT_DOUBLE_EQ(json["steps"][4]["scores"]["vrmse.morph"]["model"]["all"], 0.5);
  EXPECT_EQ(json["methods"].size(), 2);
}

TEST(EvaluationReport, AveragesTheWellsWindows) {
  auto const json = to_json(some_result(30));
  // predicted frames 6 … 11 from 0 are steps 7 … 12
  EXPECT_NEAR(json["windows"]["6:12"]["vrmse.well"]["model"]["u"].get<double>(), 0.1 * 9.5, 1e-12);
  EXPECT_NEAR(json["windows"]["13:30"]["vrmse.well"]["model"]["u"].get<double>(), 0.1 * 22, 1e-12);
  EXPECT_FALSE(to_json(some_result(29))["windows"].contains("13:30"));
}

TEST(EvaluationReport, CarriesEveryDefinition) {
  auto const json = to_json(some_result(0));
  EXPECT_THAT(json["metrics"]["vrmse.well"]["definition"].get<std::string>(), HasSubstr("1e-7"));
  EXPECT_EQ(json["metrics"]["vrmse.well"]["space"], "physical");
  EXPECT_FALSE(json.contains("steps"));
}

TEST(ScoreTable, PutsModelBesideBaselines) {
  auto const text = score_table(some_result(30), "vrmse.well");
  EXPECT_THAT(text, HasSubstr("vrmse.well    field         model  persistence"));
  EXPECT_THAT(text, HasSubstr("step 30       u                 3            6"));
  EXPECT_THAT(text, HasSubstr("              v                30          nan"));
  EXPECT_THAT(text, HasSubstr("window 6:12   u              0.95          1.9"));
  EXPECT_THAT(text, HasSubstr("one step      u               0.1          0.2"));
}

TEST(ScoreTable, LeavesTwoSpacesBehindTheLongestName) {
  auto result = some_result(3);
  for (auto* scores : {&result.one_step, &*result.rollout}) {
    scores->columns["rmse.unweighted"] = scores->columns["vrmse.well"];
  }
  auto const text = score_table(result, "rmse.unweighted");
  EXPECT_THAT(text, HasSubstr("rmse.unweighted  field         model  persistence"));
  EXPECT_THAT(text, HasSubstr("one step         u               0.1          0.2"));
}

TEST(ScoreTable, RefusesAMetricThatWasNotScored) {
  EXPECT_THROW(score_table(some_result(3), "rmse"), Error);
}

}  // namespace
}  // namespace eddyline
