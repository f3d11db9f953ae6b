#include "core/rank_boxes.hpp"

#include <gtest/gtest.h>

namespace eddyline {
namespace {

TEST(RankBoxes, AreAllThatHaveAsManyRanks) {
  EXPECT_EQ(
      boxes_of(4),
      (std::vector<RankBox>{{1, 1, 4}, {1, 2, 2}, {1, 4, 1}, {2, 1, 2}, {2, 2, 1}, {4, 1, 1}}));
  EXPECT_EQ(boxes_of(12).size(), 18U);  // as 3 · 2²: 3 places of the 3, 6 of the two 2s
}

TEST(RankBoxes, ThatDivideTheRanksAreThoseOfEachDivisor) {
  EXPECT_EQ(boxes_dividing(3), (std::vector<RankBox>{{1, 1, 1}, {1, 1, 3}, {1, 3, 1}, {3, 1, 1}}));
  EXPECT_EQ(boxes_dividing(4).size(), 1 + 3 + 6U);
}

TEST(RankBoxes, AreNamedNearestFirstAndFiveAtMost) {
  EXPECT_EQ(nearest_boxes({{1, 1, 4}, {1, 2, 2}, {4, 1, 1}}, {1, 3, 2}),
            "[1, 2, 2], [1, 1, 4], [4, 1, 1]");
  EXPECT_EQ(nearest_boxes(boxes_of(4), {2, 2, 1}),
            "[2, 2, 1], [1, 2, 2], [1, 4, 1], [2, 1, 2], [4, 1, 1]");
  EXPECT_EQ(nearest_boxes({}, {1, 1, 1}), "");
}

}  // namespace
}  // namespace eddyline
