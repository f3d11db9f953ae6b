#include "core/progress.hpp"

#include <gmock/gmock.h>

#include <thread>

#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "core/log.hpp"
#include "tests/core/temporary_folder.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

ProgressState const kState = {.step = 120,
                              .steps = 1000,
                              .values = "loss 0.01",
                              .samples_per_second = 53.21,
                              .phases = {.data = 1, .compute = 8, .communication = 1}};

TEST(Progress, LineHoldsStepValuesSpeedSplitMemoryAndTimeLeft) {
  auto const line = progress_line("train", kState, 250);
  EXPECT_THAT(line,
              StartsWith("train 120/1000, loss 0.01, 53.2 samples/s, data 10 %, compute 80 %, "
                         "communication 10 %, "));
  EXPECT_THAT(line, HasSubstr(" GiB, 4 min 10 s left"));
}

TEST(Progress, BarFillsWithTheStepsAndFitsTheTerminal) {
  EXPECT_THAT(progress_bar("train", kState, 1, 200),
              StartsWith("[##..................] train 120/1000"));
  EXPECT_EQ(progress_bar("train", kState, 1, 30).size(), 30u);
}

TEST(Progress, DurationsAreReadable) {
  EXPECT_EQ(duration_text(7.4), "7 s");
  EXPECT_EQ(duration_text(250), "4 min 10 s");
  EXPECT_EQ(duration_text(3 * 3600 + 125), "3 h 02 min");
}

TEST(Progress, LogsALineEveryFewSecondsWhereThereIsNoTerminal) {
  if (has_status_line()) {
    GTEST_SKIP() << "standard error is a terminal";
  }
  TemporaryFolder const folder;
  attach_log_file(folder.path() / "log.txt");
  {
    Progress progress("train", /*first_step=*/100, /*seconds_between_lines=*/0.05);
    progress.update({.step = 101, .steps = 200});
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    progress.update({.step = 110, .steps = 200});
    progress.update({.step = 111, .steps = 200});
    progress.finish({.step = 200, .steps = 200});
  }
  detach_log_file();
  auto const text = read_text(folder.path() / "log.txt", 10000);
  EXPECT_EQ(text.find("train 101/200"), std::string::npos);
  EXPECT_THAT(text, HasSubstr("train 110/200"));
  EXPECT_EQ(text.find("train 111/200"), std::string::npos);
  EXPECT_THAT(text, HasSubstr("train 200/200"));
}

TEST(Progress, KnowsTheMemoryOfThisProcess) {
  EXPECT_GT(resident_memory(), 1 << 20);
}

}  // namespace
}  // namespace eddyline
