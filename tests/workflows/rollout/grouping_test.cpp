#include "workflows/rollout/grouping.hpp"

#include <string>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

/// "from 50: 0 1 | 2 3", a line a group, ranks parted by bars.
std::string text(std::vector<RolloutGroup> const& groups) {
  std::string all;
  for (auto const& group : groups) {
    all += concat("from ", group.from, ":");
    for (size_t rank = 0; rank < group.shares.size(); ++rank) {
      all += rank == 0 ? "" : " |";
      for (int64_t i = 0; i < group.shares[rank].count(); ++i) {
        all += concat(" ", group.shares[rank][i]);
      }
    }
    all += "\n";
  }
  return all;
}

TEST(Grouping, DealsContiguousTrajectoriesInBatches) {
  std::vector<ResumePoints> const fresh(5);
  EXPECT_EQ(text(group_trajectories(fresh, {.steps = 9, .ranks = 2})), "from 0: 0 1 | 2 3 4\n");
  EXPECT_EQ(text(group_trajectories(fresh, {.steps = 9, .batch = 2, .ranks = 2})),
            "from 0: 0 1 | 2 3\nfrom 0: | 4\n");
  EXPECT_EQ(text(group_trajectories({{}}, {.steps = 9, .ranks = 3})), "from 0: | | 0\n");
}

TEST(Grouping, GoesOnFromTheSlowestOfAGroupThatWasKilled) {
  std::vector<ResumePoints> const killed = {{20, 10}, {10, 0}, {20, 10}, {20, 10}};
  EXPECT_EQ(text(group_trajectories(killed, {.steps = 90, .ranks = 2})), "from 10: 0 1 | 2 3\n");
  std::vector<ResumePoints> const at_once = {{10, 0}, {0, 0}};
  EXPECT_EQ(text(group_trajectories(at_once, {.steps = 90})), "from 0: 0 1\n");
}

TEST(Grouping, LeavesFinishedGroupsAlone) {
  std::vector<ResumePoints> const killed = {{90, 80}, {90, 80}, {40, 30}, {40, 30}};
  EXPECT_EQ(text(group_trajectories(killed, {.steps = 90, .batch = 2})), "from 40: 2 3\n");
  EXPECT_EQ(text(group_trajectories({{90, 80}}, {.steps = 90})), "");
}

TEST(Grouping, LosesNoSegmentWhenRanksOrBatchAreOthers) {
  // two ranks had two groups each of batch 1; killed in the second
  std::vector<ResumePoints> const killed = {{90, 80}, {40, 30}, {90, 80}, {50, 40}};
  EXPECT_EQ(text(group_trajectories(killed, {.steps = 90})), "from 40: 1\nfrom 50: 3\n");
  std::vector<ResumePoints> const alike = {{90, 80}, {40, 30}, {90, 80}, {40, 30}};
  EXPECT_EQ(text(group_trajectories(alike, {.steps = 90})), "from 40: 1 3\n");
  EXPECT_EQ(text(group_trajectories(alike, {.steps = 90, .ranks = 2})), "from 40: 1 | 3\n");
  std::vector<ResumePoints> const unbegun = {{90, 80}, {0, 0}, {90, 80}, {0, 0}};
  EXPECT_EQ(text(group_trajectories(unbegun, {.steps = 90})), "from 0: 1 3\n");
}

}  // namespace
}  // namespace eddyline
