#include "core/signals.hpp"

#include <gmock/gmock.h>

#include <csignal>
#include <utility>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

TEST(StopFlag, IsRaisedByItsSignalsAndTheProcessLives) {
  for (auto const& [signal, name] :
       {std::pair(SIGTERM, "SIGTERM"), std::pair(SIGUSR1, "SIGUSR1")}) {
    StopFlag const flag({"SIGTERM", "USR1"});
    EXPECT_FALSE(flag.raised());
    EXPECT_EQ(flag.signal_name(), "");
    std::raise(signal);
    EXPECT_TRUE(flag.raised()) << name;
    EXPECT_TRUE(stop_requested());
    EXPECT_EQ(flag.signal_name(), name);
  }
}

TEST(StopFlag, PutsTheOldHandlersBack) {
  auto const before = std::signal(SIGUSR2, SIG_IGN);
  { StopFlag const flag({"SIGUSR2"}); }
  EXPECT_EQ(std::signal(SIGUSR2, before), SIG_IGN);
  EXPECT_FALSE(stop_requested());
}

TEST(StopFlag, AllRanksAgreeThatOneWasRaised) {
  auto const world = Communicator::world();
  StopFlag const flag({"SIGUSR1"});
  EXPECT_FALSE(flag.raised_anywhere(world));
  if (world.rank() == world.size() - 1) {
    std::raise(SIGUSR1);
  }
  EXPECT_TRUE(flag.raised_anywhere(world));
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
