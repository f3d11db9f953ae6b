#include "workflows/rollout/rollout_progress.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "core/log.hpp"
#include "tests/core/temporary_folder.hpp"
#include "tests/workflows/rollout/tiny_stepper.hpp"
#include "workflows/rollout/rollout.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;
using testing_rollout::tiny_history;
using testing_rollout::TinyStepper;

TEST(RolloutProgress, TellsFramesStepSpeedAndSplitOfARollout) {
  if (has_status_line()) {
    GTEST_SKIP() << "standard error is a terminal";
  }
  auto const ranks = Communicator::world();
  TemporaryFolder const folder;
  attach_log_file(folder.path() / "log.txt");
  {
    TinyStepper stepper;
    auto history = tiny_history(3);
    RolloutProgress progress("rollout", 6 * 3.0 * ranks.size(), /*seconds_between_lines=*/0);
    Rollout rollout(stepper, {.steps = 6, .segment = 2}, ranks);
    rollout.show(progress, 3.0 * ranks.size());
    rollout.run(history);
    progress.finish();
    EXPECT_GT(progress.timers().phases().compute, 0);
    EXPECT_GT(progress.timers().phases().communication, 0);
  }
  detach_log_file();
  if (ranks.is_root()) {
    auto const text = read_text(folder.path() / "log.txt", 10000);
    EXPECT_THAT(
        text,
        HasSubstr(concat("rollout ", 12 * ranks.size(), "/", 18 * ranks.size(), ", step 4, ")));
    EXPECT_THAT(
        text,
        HasSubstr(concat("rollout ", 18 * ranks.size(), "/", 18 * ranks.size(), ", step 6, ")));
    EXPECT_THAT(text, HasSubstr(" samples/s, data "));
  }
}

}  // namespace
}  // namespace eddyline
