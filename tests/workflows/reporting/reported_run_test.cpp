#include "workflows/reporting/reported_run.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/message_of.hpp"
#include "tests/workflows/rollout/small_model.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

void put(std::filesystem::path const& file, std::string const& text) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file) << text;
}

constexpr char const* kEvaluation = R"({"format": "eddyline evaluation", "fields": ["u", "w"]})";

TEST(ReportedRun, HoldsWhatLiesInTheFolder) {
  auto const folder = testing_rollout::prepare("reported_run");
  std::filesystem::rename(folder / "data", folder / "run" / "rollout");
  put(folder / "run" / "metrics.csv", "step,loss\n");
  put(folder / "run" / "config.yaml", "run: {}\n");
  put(folder / "run" / "evaluation.json", kEvaluation);
  auto const run = find_run(folder / "run" / "");
  EXPECT_EQ(run.name, "run");
  auto const json = to_json(run);
  ASSERT_EQ(json["records"].size(), 3U);
  EXPECT_EQ(json["records"][0]["config"], (folder / "run" / "config.yaml").string());
  EXPECT_EQ(json["records"][0]["manifest"], "") << "there is none";
  EXPECT_EQ(run.rollout, folder / "run" / "" / "rollout");
}

TEST(ReportedRun, MayBeARolloutOrAnEvaluationAlone) {
  auto const folder = testing_rollout::prepare("reported_alone");
  put(folder / "b" / "evaluation.json", kEvaluation);
  put(folder / "b" / "other.json", kEvaluation);
  EXPECT_EQ(find_run(folder / "data").rollout, folder / "data");
  EXPECT_EQ(find_run(folder / "data" / "rollout.h5").name, "data");
  EXPECT_EQ(find_run(folder / "b" / "evaluation.json").name, "b");
  auto const other = find_run(folder / "b" / "other.json");
  EXPECT_EQ(other.name, "other");
  EXPECT_TRUE(other.metrics.empty());
}

TEST(ReportedRun, RefusesWhatIsNoRun) {
  auto const folder = testing_rollout::prepare("reported_none");
  EXPECT_THAT(message_of([&] { find_run(folder); }),
              HasSubstr("' is no run; give a folder that 'eddyline train' or 'eddyline rollout' "
                        "made"));
  EXPECT_THAT(message_of([&] { find_run(folder / "nothing"); }), HasSubstr("' does not exist;"));
  for (auto const* text : {"{", "[]", R"({"format": "another"})", R"({"fields": 3})"}) {
    put(folder / "evaluation.json", text);
    EXPECT_THAT(message_of([&] { find_run(folder / "evaluation.json"); }),
                HasSubstr("is not what 'eddyline evaluate' writes"))
        << text;
  }
}

}  // namespace
}  // namespace eddyline
