// `eddyline plan` as a user runs it.
#include <gmock/gmock.h>

#include <fstream>

#include <gtest/gtest.h>

#include "apps/verbs.hpp"
#include "core/error.hpp"
#include "tests/message_of.hpp"
#include "tests/places.hpp"
#include "tests/workflows/rollout/small_model.hpp"

namespace eddyline {
namespace {

TEST(PlanVerb, PrintsATableOfRanksAndSplitsOnOneRank) {
  testing::internal::CaptureStdout();
  run_plan({"data.path=" + source_file("tests/fixtures/formats/well/active_matter_mini"),
            "data.fields=[concentration]",
            "data.splits.by=trajectories",
            "data.splits.fractions=[1, 0, 0]",
            "model={surrogate: fno, modes: [1, 4, 4], width: 4, layers: 1, history: 1}",
            "plan.ranks=2"},
           Communicator::world());
  auto const table = testing::internal::GetCapturedStdout();
  EXPECT_THAT(table, testing::HasSubstr("[1, 1, 2]"));
  EXPECT_THAT(table, testing::HasSubstr("gradients"));
}

TEST(PlanVerb, TakesTheConfigurationOfARolloutWhereModelNamesACheckpointOnOneRank) {
  auto const folder = testing_rollout::prepare("plan_verb");
  std::ofstream(folder / "rollout.yaml")
      << "model: " << (folder / "run/checkpoints/best.h5").string() << "\nsplit: all\n";
  testing::internal::CaptureStdout();
  run_plan({(folder / "rollout.yaml").string(), "plan.ranks=1"}, Communicator::world());
  EXPECT_THAT(testing::internal::GetCapturedStdout(), testing::HasSubstr("frames"));
}

TEST(PlanVerb, TriesRanksOneByOneOnManyRanks) {
  EXPECT_THAT(message_of([] { run_plan({}, Communicator::world()); }),
              testing::HasSubstr("run it without mpirun"));
}

}  // namespace
}  // namespace eddyline
