#include "data/pipeline/state_part.hpp"

#include <gtest/gtest.h>

#include "tests/data/pipeline/memory_reader.hpp"

namespace eddyline {
namespace {

TEST(StatePart, TakesChannelsAndCellsOfAStateOrOfAWindow) {
  auto const series = coded_series(0, 2);  // (2, 3, 1, 8, 6)
  StatePart const part{.channels = {2, 0},
                       .cells = std::make_shared<PredictedPart>(
                           GridPart{.cells = {8, 6}, .rows = {3}, .columns = {5, 0}})};
  auto const cut = part.of(series);
  ASSERT_EQ(cut.sizes().vec(), (std::vector<int64_t>{2, 2, 1, 1, 2}));
  EXPECT_EQ(cut[1][0][0][0][0].item<float>(), series[1][2][0][3][5].item<float>());
  EXPECT_EQ(cut[1][1][0][0][1].item<float>(), series[1][0][0][3][0].item<float>());
  EXPECT_TRUE(at::equal(part.of(series.unsqueeze(0))[0], cut));
}

TEST(StatePart, OfNothingChosenIsTheStateItself) {
  auto const series = coded_series(0, 2);
  EXPECT_TRUE(StatePart{}.is_all());
  EXPECT_TRUE(StatePart{}.of(series).is_same(series));
}

}  // namespace
}  // namespace eddyline
