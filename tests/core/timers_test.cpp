#include "core/timers.hpp"

#include <gmock/gmock.h>

#include <thread>

#include <gtest/gtest.h>

namespace eddyline {
namespace {

TEST(Timers, AddUpByNameAndPhase) {
  Timers timers;
  timers.add("forward", Phase::compute, 2);
  timers.add("backward", Phase::compute, 3);
  timers.add("forward", Phase::compute, 4);
  timers.add("wait", Phase::data, 1);
  timers.add("reduce", Phase::communication, 0.5);
  EXPECT_EQ(timers.timers().size(), 4u);
  EXPECT_EQ(timers.timers()[0].calls, 2);
  auto const phases = timers.phases();
  EXPECT_EQ(phases.compute, 9);
  EXPECT_EQ(phases.data, 1);
  EXPECT_EQ(phases.communication, 0.5);
  EXPECT_EQ(phases.total(), 10.5);
}

TEST(Timers, ASpanMeasuresItsLife) {
  Timers timers;
  {
    auto const span = timers.measure("sleep", Phase::other);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_GE(timers.phases().other, 0.02);
  EXPECT_THAT(timers.report(), testing::HasSubstr("1 calls"));
}

TEST(PhaseSeconds, AreShownAsShares) {
  PhaseSeconds const later = {.data = 1, .compute = 10, .communication = 3};
  EXPECT_EQ(later.since({.data = 0.5, .compute = 1, .communication = 2.5}).text(),
            "data 5 %, compute 90 %, communication 5 %");
  EXPECT_EQ((PhaseSeconds{.data = 1, .other = 3}).text(),
            "data 25 %, compute 0 %, communication 0 %, other 75 %");
  EXPECT_EQ(PhaseSeconds{}.text(), "data 0 %, compute 0 %, communication 0 %");
}

}  // namespace
}  // namespace eddyline
