#include "data/field/decomposition.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/message_of.hpp"

namespace eddyline {
namespace {

TEST(Decomposition, BlocksCoverEveryCellOnce) {
  Decomposition const split({5, 7, 9}, {2, 3, 2});
  std::vector<int> owners(5 * 7 * 9, 0);
  for (int rank = 0; rank < split.ranks(); ++rank) {
    auto const box = split.block(rank).box;
    for (auto d = box.first[0]; d < box.first[0] + box.size[0]; ++d) {
      for (auto h = box.first[1]; h < box.first[1] + box.size[1]; ++h) {
        for (auto w = box.first[2]; w < box.first[2] + box.size[2]; ++w) {
          ++owners[static_cast<size_t>((d * 7 + h) * 9 + w)];
        }
      }
    }
  }
  EXPECT_THAT(owners, testing::Each(1));
}

TEST(Decomposition, SizesDifferByAtMostOneUnit) {
  Decomposition const split({1, 1, 22}, {1, 1, 3}, {1, 1, 4});  // 6 units, the last of 2 cells
  EXPECT_EQ(split.block(0).box.size[2], 8);
  EXPECT_EQ(split.block(1).box.first[2], 8);
  EXPECT_EQ(split.block(2).box.size[2], 6);
}

TEST(Decomposition, RanksAreRowMajor) {
  Decomposition const split({4, 4, 4}, {2, 1, 2});
  EXPECT_EQ(split.block(1).position, (std::array<int, 3>{0, 0, 1}));
  EXPECT_EQ(split.block(2).position, (std::array<int, 3>{1, 0, 0}));
  for (int rank = 0; rank < split.ranks(); ++rank) {
    EXPECT_EQ(split.rank_at(split.block(rank).position), rank);
  }
  EXPECT_EQ(split.rank_at({2, 0, 0}), -1);
  EXPECT_EQ(split.rank_at({0, -1, 0}), -1);
}

TEST(Decomposition, NamesTheSplitsThatWork) {
  auto const message = [](std::array<int64_t, 3> shape, std::array<int, 3> parts) {
    return message_of<Error>([&] { Decomposition(shape, parts, {1, 8, 8}); });
  };
  EXPECT_THAT(message({1, 16, 40}, {1, 4, 1}),
              testing::HasSubstr(
                  "axis H of 16 cells in units of 8 cannot be split over 4 ranks; allowed: 1 to 2; "
                  "splits over 4 ranks: [1, 2, 2], [1, 1, 4]"));
  EXPECT_THAT(message({4, 16, 8}, {2, 4, 1}), testing::HasSubstr("splits over 8 ranks: [4, 2, 1]"));
}

TEST(Decomposition, NamesSplitsOverFewerRanksWhereNoneOfAllWorks) {
  auto const message = [](std::array<int, 3> parts) {
    return message_of<Error>([&] { Decomposition({1, 16, 16}, parts, {1, 8, 8}); });
  };
  EXPECT_THAT(message({1, 1, 6}), testing::HasSubstr("splits over 2 ranks: [1, 1, 2], [1, 2, 1]"));
  EXPECT_THAT(message({1, 3, 1}), testing::HasSubstr("splits over 1 rank: [1, 1, 1]"));
}

TEST(Decomposition, BalancedPartsHaveTheLeastSurface) {
  EXPECT_EQ(Decomposition::balanced_parts({64, 64, 64}, 8), (std::array<int, 3>{2, 2, 2}));
  EXPECT_EQ(Decomposition::balanced_parts({1, 128, 32}, 4), (std::array<int, 3>{1, 4, 1}));
  EXPECT_EQ(Decomposition::balanced_parts({1, 1, 100}, 3), (std::array<int, 3>{1, 1, 3}));
}

TEST(Decomposition, NamesANumberOfRanksThatAGridCanBeBalancedOver) {
  EXPECT_THAT(message_of<Error>([] {
                Decomposition::balanced_parts({1, 2, 2}, 7);
              }),
              testing::HasSubstr("a grid of 1 × 2 × 2 cells cannot be split over 7 ranks; use 4 "
                                 "or another number that fits"));
}

TEST(Decomposition, AWholeBlockIsWhole) {
  auto const block = whole_block({2, 3, 4});
  EXPECT_TRUE(block.is_whole());
  EXPECT_EQ(block.box.cells(), 24);
  EXPECT_FALSE(Decomposition({2, 3, 4}, {2, 1, 1}).block(0).is_whole());
}

}  // namespace
}  // namespace eddyline
