// `eddyline plan` as a user runs it.
#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "apps/verbs.hpp"
#include "core/error.hpp"
#include "tests/message_of.hpp"
#include "tests/places.hpp"

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

TEST(PlanVerb, TriesRanksOneByOneOnManyRanks) {
  EXPECT_THAT(message_of([] { run_plan({}, Communicator::world()); }),
              testing::HasSubstr("run it without mpirun"));
}

}  // namespace
}  // namespace eddyline
