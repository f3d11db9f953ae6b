#include "core/signals.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <utility>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

TEST(StopFlag, IsRaisedByItsSignalsAndTheProcessLives) {
  for (auto const& [signal, name] :
       {std::pair(SIGTERM, "SIGTERM"), std::pair(SIGUSR1, "SIGUSR1")}) {
    StopFlag flag({"SIGTERM", "USR1"});
    EXPECT_FALSE(flag.raised());
    EXPECT_EQ(flag.cause(Communicator::self()), "");
    std::raise(signal);
    EXPECT_TRUE(flag.raised()) << name;
    EXPECT_EQ(flag.cause(Communicator::self()), name);
  }
}

TEST(StopFlag, PutsTheOldHandlersBack) {
  auto const before = std::signal(SIGUSR2, SIG_IGN);
  { StopFlag const flag({"SIGUSR2"}); }
  EXPECT_EQ(std::signal(SIGUSR2, before), SIG_IGN);
}

TEST(StopFlag, AllRanksKnowWhatRaisedIt) {
  auto const world = Communicator::world();
  StopFlag flag({"SIGUSR1"});
  EXPECT_EQ(flag.cause(world), "");
  if (world.rank() == world.size() - 1) {
    std::raise(SIGUSR1);
  }
  EXPECT_EQ(flag.cause(world), "SIGUSR1");
}

TEST(StopFlag, IsRaisedByItsFileOnceAndTakesItAway) {
  auto const world = Communicator::world();
  auto const file = std::filesystem::temp_directory_path() / concat("eddyline_STOP_", getpid());
  std::filesystem::remove(file);
  {
    StopFlag before;
    before.watch(file);
    EXPECT_FALSE(before.raised());
  }
  StopFlag flag;
  if (world.is_root()) {
    std::ofstream(file) << "";
    flag.watch(file);
    EXPECT_TRUE(flag.raised());
    EXPECT_FALSE(std::filesystem::exists(file)) << "the resumed run would stop again";
    EXPECT_TRUE(flag.raised()) << "it stays raised";
  }
  EXPECT_EQ(flag.cause(world), "the file STOP");
}

TEST(StopFlag, RefusesSignalsItCannotCatch) {
  try {
    StopFlag const flag({"SIGKILL"});
    FAIL() << "nothing was thrown";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(),
                testing::HasSubstr("signal 'SIGKILL' cannot stop a run; did you mean"));
  }
}

}  // namespace
}  // namespace eddyline
