#include "workflows/training/schedule.hpp"

#include <fstream>
#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/places.hpp"

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

/// Tables of ClimaX's own schedule. It warms up from 1e-8 at step 0 in one step fewer, so that the
/// rates there differ by at most the share of one step.
TEST(Schedule, FollowsTheTablesOfClimaXBehindTheWarmUp) {
  std::ifstream file(fixtures_folder() / "climax/auxiliary.json");
  if (!file) {
    GTEST_SKIP() << "there is no climax/auxiliary.json in " << fixtures_folder();
  }
  for (auto const& [name, table] : nlohmann::json::parse(file).at("schedule").items()) {
    auto const peak = table.at("base_lr").get<double>();
    auto const warmup = table.at("warmup").get<int64_t>(), last = table.at("max").get<int64_t>();
    Schedule const schedule({.kind = ScheduleKind::cosine,
                             .peak = peak,
                             .warmup_steps = warmup,
                             .floor = table.at("eta_min").get<double>() / peak},
                            last);
    int64_t compared = 0;
    for (size_t i = 0; i < table.at("step").size(); ++i) {
      auto const step = table["step"][i].get<int64_t>();
      if (step > last) {
        break;  // there the cosine rises again, here the run is over
      }
      auto const tolerance = step < warmup ? peak / static_cast<double>(warmup) : 1e-9 * peak;
      EXPECT_NEAR(schedule.rate(step), table.at("lr")[i].get<double>(), tolerance) << name << step;
      compared += step < warmup ? 0 : 1;
    }
    EXPECT_GE(compared, 5) << name;
  }
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
