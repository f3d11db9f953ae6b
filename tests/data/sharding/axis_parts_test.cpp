#include "data/sharding/axis_parts.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

namespace eddyline {
namespace {

using testing::ElementsAre;

TEST(AxisParts, PiecesBeginWhereTheOnesBeforeEnd) {
  AxisParts const parts{.group = {}, .sizes = {3, 2, 4}, .rank = 2};
  EXPECT_EQ(parts.first(0), 0);
  EXPECT_EQ(parts.first(), 5);
  EXPECT_EQ(parts.own(), 4);
  EXPECT_EQ(parts.total(), 9);
}

TEST(AxisParts, EvenSizesDifferByOneAtMostAndMayBeZero) {
  EXPECT_THAT(even_sizes(7, 3), ElementsAre(3, 2, 2));
  EXPECT_THAT(even_sizes(2, 4), ElementsAre(1, 1, 0, 0));
}

}  // namespace
}  // namespace eddyline
