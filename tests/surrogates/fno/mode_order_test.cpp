#include "surrogates/fno/mode_order.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

namespace eddyline {
namespace {

using testing::ElementsAre;

TEST(ModeOrder, TakesWholeAxesFirstAndTheLastOfThemBeforeAll) {
  EXPECT_THAT(
      mode_order({{8, 4}, {12, 6}, {20, 4}}),
      ElementsAre(
          ModeStep{2, ModeRoute::own}, ModeStep{1, ModeRoute::own}, ModeStep{0, ModeRoute::own}));
  EXPECT_THAT(
      mode_order({{64, 8}, {8, 8, 2}, {64, 8}}),
      ElementsAre(
          ModeStep{2, ModeRoute::own}, ModeStep{0, ModeRoute::own}, ModeStep{1, ModeRoute::modes}));
}

TEST(ModeOrder, TransposesAnAxisWhoseCellsOnARankAreNoMoreThanItsModes) {
  auto const route = [](int64_t modes) {
    return mode_order({{8, 4}, {64, modes, 4}}).back().route;
  };
  EXPECT_EQ(route(17), ModeRoute::modes);
  EXPECT_EQ(route(16), ModeRoute::modes);
  EXPECT_EQ(route(15), ModeRoute::sums);
}

TEST(ModeOrder, SharesOutChannelsWhereThereAreNoModesYet) {
  // 64 real cells, 40 complex modes: of four ranks 16 + 2·10 numbers each against 2·40.
  EXPECT_THAT(mode_order({{64, 40, 4}}), ElementsAre(ModeStep{0, ModeRoute::channels}));
  EXPECT_THAT(mode_order({{64, 8, 4}}), ElementsAre(ModeStep{0, ModeRoute::sums}));
  // One mode before is too few for four ranks, and is complex: 2 (16 + 10) against 80.
  EXPECT_EQ(mode_order({{64, 40, 4}, {4, 1}}).back().route, ModeRoute::channels);
}

TEST(ModeOrder, TakesOfDividedAxesThatFirstThatIsCutMost) {
  EXPECT_THAT(mode_order({{4, 4}, {8, 8, 2}, {64, 4, 2}}),
              ElementsAre(ModeStep{0, ModeRoute::own},
                          ModeStep{2, ModeRoute::sums},
                          ModeStep{1, ModeRoute::modes}));
}

TEST(ModeOrder, CountsWhatEachRankSends) {
  EXPECT_EQ(numbers_sent({{8, 4}, {64, 32, 4}}, mode_order({{8, 4}, {64, 32, 4}})),
            2 * 4 * 16 * 3 / 4.0);
  EXPECT_EQ(numbers_sent({{64, 40, 4}}, mode_order({{64, 40, 4}})), (16 + 2 * 10) * 3 / 4.0);
  std::vector<ModeAxis> const pencil = {{4, 4}, {8, 8, 2}, {64, 4, 2}};
  // Sums at 4 modes for each of 4 modes and 4 rows; then 8 modes for each of 4 rows.
  EXPECT_EQ(numbers_sent(pencil, mode_order(pencil)), 2 * 4 * 4 * 4 / 2.0 + 2 * 8 * 4 / 2.0);
  EXPECT_EQ(numbers_sent({{8, 4}}, mode_order({{8, 4}})), 0);
}

}  // namespace
}  // namespace eddyline
