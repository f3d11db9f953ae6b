#include "workflows/training/schedule.hpp"

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

TEST(Schedule, WarmsUpLinearlyThenFollowsACosineToItsFloor) {
  Schedule const schedule(
      {.kind = ScheduleKind::cosine, .peak = 2e-3, .warmup_steps = 4, .floor = 0.1}, 104);
  EXPECT_DOUBLE_EQ(schedule.rate(0), 0.5e-3);
  EXPECT_DOUBLE_EQ(schedule.rate(3), 2e-3);
  EXPECT_DOUBLE_EQ(schedule.rate(4), 2e-3);
  EXPECT_NEAR(schedule.rate(54), 2e-3 * 0.55, 1e-12);  // half way
  EXPECT_NEAR(schedule.rate(104), 2e-4, 1e-12);
  EXPECT_NEAR(schedule.rate(500), 2e-4, 1e-12);
}

TEST(Schedule, StepsDownAndStopsAtItsFloor) {
  Schedule const schedule(
      {.kind = ScheduleKind::step, .peak = 1, .floor = 0.2, .every_steps = 10, .factor = 0.5}, 100);
  EXPECT_DOUBLE_EQ(schedule.rate(9), 1);
  EXPECT_DOUBLE_EQ(schedule.rate(10), 0.5);
  EXPECT_DOUBLE_EQ(schedule.rate(25), 0.25);
  EXPECT_DOUBLE_EQ(schedule.rate(99), 0.2);
}

TEST(Schedule, HalvesOnAPlateauAsPyTorchDoes) {
  Schedule schedule({.kind = ScheduleKind::plateau, .peak = 1, .patience = 2}, 100);
  schedule.observe(1.0);
  schedule.observe(0.99995);  // better by less than the relative threshold: does not count
  schedule.observe(1.0);
  EXPECT_DOUBLE_EQ(schedule.rate(0), 1);  // two bad ones are let pass
  schedule.observe(1.0);
  EXPECT_DOUBLE_EQ(schedule.rate(0), 0.5);
  schedule.observe(0.9);
  EXPECT_DOUBLE_EQ(schedule.rate(0), 0.5);
}

TEST(Schedule, RemembersThePlateauInItsState) {
  ScheduleConfig const config{.kind = ScheduleKind::plateau, .peak = 1, .patience = 1};
  Schedule first(config, 100);
  for (double const loss : {1.0, 1.0, 1.0, 1.0}) {
    first.observe(loss);
  }
  Schedule second(config, 100);
  second.load(first.save());
  first.observe(1.0);
  second.observe(1.0);
  EXPECT_DOUBLE_EQ(first.rate(7), 0.25);
  EXPECT_DOUBLE_EQ(second.rate(7), 0.25);
}

TEST(Schedule, RefusesAWarmUpThatNeverEnds) {
  try {
    Schedule const schedule({.kind = ScheduleKind::cosine, .warmup_steps = 50}, 50);
    FAIL() << "not refused";
  } catch (Error const& error) {
    EXPECT_NE(std::string(error.what()).find("the run has 50 steps"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace eddyline
