#include <gmock/gmock.h>

#include <fstream>

#include <gtest/gtest.h>

#include "apps/verbs.hpp"
#include "core/error.hpp"
#include "tests/workflows/rollout/small_model.hpp"

namespace eddyline {
namespace {

TEST(EvaluateVerb, ScoresAModelFromTheCommandLine) {
  auto const folder = testing_rollout::prepare("verb_evaluate");
  auto const world = Communicator::world();
  auto const model = (folder / "run" / "checkpoints" / "best.h5").string();
  std::vector<std::string> const words = {"model=" + model,
                                          "split=all",
                                          "horizon=3",
                                          "metrics=[rmse]",
                                          "baselines=[persistence]",
                                          "device=cpu"};
  EXPECT_EQ(run_evaluate(words, world), 0);
  std::ifstream file(folder / "run" / "evaluation.json");
  auto const json = nlohmann::json::parse(file);
  EXPECT_EQ(json["methods"], (std::vector<std::string>{"model", "persistence"}));
  EXPECT_TRUE(json["steps"][2]["scores"]["rmse"]["model"]["u"].is_number());
  auto resumed = words;
  resumed.emplace_back("--resume");
  try {
    run_evaluate(resumed, world);
    FAIL() << "scored again";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("evaluate cannot resume"));
  }
  auto again = words;
  again.emplace_back("--overwrite");
  EXPECT_EQ(run_evaluate(again, world), 0);
}

}  // namespace
}  // namespace eddyline
