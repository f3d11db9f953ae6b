#include "workflows/planning/plan.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/message_of.hpp"
#include "tests/places.hpp"
#include "tests/workflows/rollout/small_box.hpp"
#include "workflows/rehearsal/memory_check.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

PlanJobConfig planned(std::string const& plan, std::string const& model = "") {
  return parse_config<PlanJobConfig>(
      concat("data: {path: ",
             source_file("tests/fixtures/formats/well/active_matter_mini"),
             ", fields: [concentration], splits: {by: trajectories, fractions: [1, 0, 0]}}\n",
             "model: ",
             model.empty() ? "{surrogate: fno, modes: [1, 4, 4], width: 16, layers: 2, history: 1}"
                           : model,
             "\ntrain: {batch: 4}\nplan: ",
             plan,
             "\n"),
      "test.yaml");
}

TEST(Plan, LooksAtEverySplitOfEveryNumberOfRanksOnOneRank) {
  auto const rows = plan(planned("{ranks: 4}"));
  std::vector<std::array<int, 4>> ways;
  for (auto const& row : rows) {
    auto const& domain = row.sharing.domain;
    ways.push_back({row.sharing.ranks, domain[0], domain[1], domain[2]});
    EXPECT_FALSE(row.needs.is_scaled);
    EXPECT_GT(row.memory, static_cast<double>(row.needs.tensor_bytes));
  }
  EXPECT_EQ(ways,
            (std::vector<std::array<int, 4>>{{1, 1, 1, 1},
                                             {2, 1, 1, 1},
                                             {2, 1, 1, 2},
                                             {2, 1, 2, 1},
                                             {3, 1, 1, 1},
                                             {3, 1, 1, 3},
                                             {3, 1, 3, 1},
                                             {4, 1, 1, 1},
                                             {4, 1, 1, 2},
                                             {4, 1, 1, 4},
                                             {4, 1, 2, 1},
                                             {4, 1, 2, 2},
                                             {4, 1, 4, 1}}));
  EXPECT_LT(rows.back().needs.tensor_bytes, rows.front().needs.tensor_bytes);
}

TEST(Plan, SaysWhatFitsOnOneRank) {
  EXPECT_FALSE(plan(planned("{ranks: 1, memory: 0.001}")).front().fits);
  EXPECT_TRUE(plan(planned("{ranks: 1, memory: 1000}")).front().fits);
}

TEST(Plan, GoesOnFromFewerCellsWhereAStepIsTooBigToTryOnOneRank) {
  auto config =
      planned("{ranks: 2}", "{surrogate: fno, modes: [1, 4, 4], width: 4, layers: 1, history: 1}");
  config.train.batch = 2 * kTriedAtStart / (32 * 32);
  auto const tried = plan(config);
  auto const rows = plan(config, /*obtainable=*/1);
  ASSERT_EQ(rows.size(), tried.size());
  EXPECT_TRUE(rows.front().needs.is_scaled);
  EXPECT_FALSE(tried.front().needs.is_scaled);
  for (size_t i = 0; i < rows.size(); ++i) {
    // From half as many samples and a quarter: weights count once, the rest by samples.
    EXPECT_NEAR(static_cast<double>(rows[i].needs.tensor_bytes) /
                    static_cast<double>(tried[i].needs.tensor_bytes),
                1,
                0.1);
    EXPECT_EQ(rows[i].needs.sent, tried[i].needs.sent);
  }
  EXPECT_THAT(plan_table(rows), HasSubstr("~ "));
}

TEST(Plan, SaysWhatMemoryIsForOnOneRank) {
  auto const row = plan(planned("{ranks: 1}")).front();
  auto const& parts = row.needs.parts;
  EXPECT_GT(parts.at("weights"), 0);
  EXPECT_EQ(parts.at("gradients"), parts.at("weights"));
  EXPECT_EQ(parts.at("moments"), 2 * parts.at("weights"));
  auto const table = plan_table({row});
  for (auto const* part : {"process", "weights", "gradients", "moments", "data", "activations"}) {
    EXPECT_THAT(table, HasSubstr(part));
  }
}

TEST(Plan, LooksAtARolloutOnOneRank) {
  auto const folder = testing_rollout::prepare_box("planned", {"morph", testing_rollout::kMorph});
  RolloutPlanConfig config;
  config.model = (folder / "run/checkpoints/best.h5").string();
  config.split = Split::all;
  config.plan.ranks = 2;
  auto const rows = plan(config);
  ASSERT_EQ(rows.size(), 5U);  // alone, two ranks with trajectories of their own, three splits
  EXPECT_EQ(rows[0].needs.samples, 3);
  EXPECT_EQ(rows[1].needs.samples, 2);
  EXPECT_TRUE(rows[1].needs.sent.empty());
  EXPECT_GT(rows[2].needs.sent.at("halo"), 0);
  EXPECT_LT(rows[2].needs.tensor_bytes, rows[0].needs.tensor_bytes);
  EXPECT_THAT(plan_table(rows), HasSubstr("frames"));
}

TEST(Plan, NamesWhatItTakesOfARolloutOnOneRank) {
  EXPECT_THAT(message_of([] { plan(RolloutPlanConfig{}); }), HasSubstr("model is empty"));
  RolloutPlanConfig config;
  config.solver = "diffusion_reaction";
  EXPECT_THAT(message_of([&] { plan(config); }), HasSubstr("plan is of rollouts of a network"));
}

TEST(Plan, NamesWhatItTakesOnOneRank) {
  EXPECT_THAT(message_of([] { plan(planned("{ranks: 0}")); }), HasSubstr("plan.ranks is 0"));
  EXPECT_THAT(message_of([] { plan(planned("{memory: -1}")); }), HasSubstr("plan.memory is -1"));
}

}  // namespace
}  // namespace eddyline
