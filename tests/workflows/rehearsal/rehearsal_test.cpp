#include "workflows/rehearsal/rehearsal.hpp"

#include <gtest/gtest.h>

namespace eddyline {
namespace {

using Cells = std::array<int64_t, 3>;

TEST(Portion, HasFewerSamplesBeforeItHasFewerCellsOnOneRank) {
  auto const part = fewer({8, {1, 16, 16}}, {1, 1, 1}, {1, 4, 4}, 3 * 256);
  EXPECT_EQ(part.samples, 3);
  EXPECT_EQ(part.cells, (Cells{1, 16, 16}));
}

TEST(Portion, HalvesTheLongestAxesInWholePatchesOfEachRankOnOneRank) {
  auto const part = fewer({2, {64, 96, 128}}, {1, 2, 2}, {4, 4, 4}, 4096);
  EXPECT_EQ(part.samples, 1);
  EXPECT_LE(part.cells[0] * part.cells[1] * part.cells[2] / 4, 4096);
  EXPECT_EQ(part.cells[0] % 4, 0);
  EXPECT_EQ(part.cells[1] % 8, 0);
  EXPECT_EQ(part.cells[2] % 8, 0);
}

TEST(Portion, KeepsTwoPatchesOfEachRankHoweverLittleIsAskedForOnOneRank) {
  EXPECT_EQ(fewer({1, {1, 64, 64}}, {1, 1, 4}, {1, 8, 8}, 1).cells, (Cells{1, 16, 64}));
  EXPECT_EQ(fewer({1, {1, 8, 24}}, {1, 1, 1}, {1, 8, 8}, 1).cells, (Cells{1, 8, 16}));
}

TEST(Portion, IsAllOfItWhereThatIsLittleOnOneRank) {
  EXPECT_EQ(fewer({2, {1, 30, 31}}, {1, 2, 2}, {1, 2, 2}, kAnyWork).cells, (Cells{1, 30, 31}));
}

TEST(ScaledNeeds, GrowInProportionBeyondWhatDoesNotDependOnCellsOnOneRank) {
  RankNeeds const half{
      .cells = 100, .samples = 1, .tensor_bytes = 1500, .sent = {{"halo", 40}, {"gradients", 7}}};
  RankNeeds const whole{
      .cells = 200, .samples = 1, .tensor_bytes = 2500, .sent = {{"halo", 80}, {"gradients", 7}}};
  auto const needs = scaled(half, whole, 400, 3);
  EXPECT_TRUE(needs.is_scaled);
  EXPECT_EQ(needs.tensor_bytes, 500 + 10 * 1200);
  EXPECT_EQ(needs.sent.at("halo"), 480);
  EXPECT_EQ(needs.sent.at("gradients"), 7);
}

TEST(ScaledNeeds, AreInPlainProportionFromOnePortionOnOneRank) {
  RankNeeds const one{.cells = 100, .samples = 2, .tensor_bytes = 1000};
  EXPECT_EQ(scaled(one, one, 100, 6).tensor_bytes, 3000);
}

}  // namespace
}  // namespace eddyline
