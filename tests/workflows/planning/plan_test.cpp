#include "workflows/planning/plan.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/message_of.hpp"
#include "tests/places.hpp"

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
    EXPECT_TRUE(row.is_taken);
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

TEST(Plan, GoesOnFromSmallBlocksWhereOneIsTooBigToTryOnOneRank) {
  auto const tried = plan(planned("{ranks: 4}"));
  auto const& smaller = tried.back().needs.tensor_bytes;
  auto const rows = plan(planned("{ranks: 4}"), 1.5 * static_cast<double>(smaller));
  EXPECT_FALSE(rows.front().is_taken);
  EXPECT_TRUE(rows.back().is_taken);
  auto const table = plan_table(rows);
  EXPECT_THAT(table, HasSubstr("~ "));
  EXPECT_THAT(table, HasSubstr("not tried: too big here"));
  // From two smaller blocks in a line: weights count once, activations by cells.
  EXPECT_NEAR(static_cast<double>(rows.front().needs.tensor_bytes) /
                  static_cast<double>(tried.front().needs.tensor_bytes),
              1,
              0.25);
}

TEST(Plan, NamesWhatItTakesOnOneRank) {
  EXPECT_THAT(message_of([] { plan(planned("{ranks: 0}")); }), HasSubstr("plan.ranks is 0"));
  EXPECT_THAT(message_of([] { plan(planned("{memory: -1}")); }), HasSubstr("plan.memory is -1"));
}

}  // namespace
}  // namespace eddyline
