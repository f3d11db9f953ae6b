#include "workflows/rollout/finite_watch.hpp"

#include <cmath>
#include <limits>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace eddyline {
namespace {

TEST(FiniteWatch, NamesTheFirstBadStep) {
  FiniteWatch watch;
  EXPECT_FALSE(watch.first_bad());
  watch.see(1, at::ones({3}));
  EXPECT_FALSE(watch.first_bad());
  watch.see(2, at::full({3}, std::numeric_limits<float>::infinity()));
  watch.see(3, at::full({3}, std::nan("")));
  EXPECT_EQ(watch.first_bad(), 2);
}

TEST(FiniteWatch, DoesNotLookAtWhatWasMissingAtTheStart) {
  auto start = at::ones({1, 2, 2, 1, 1, 3});
  start.select(5, 1).fill_(std::nan(""));
  start[0][1][0][0][0][2] = std::nan("");  // in one of two frames only
  FiniteWatch watch(start);
  auto frame = at::ones({1, 2, 1, 1, 3});
  frame.select(4, 1).fill_(std::nan(""));
  watch.see(1, frame);
  EXPECT_FALSE(watch.first_bad());
  frame[0][0][0][0][2] = std::nan("");
  watch.see(2, frame);
  EXPECT_EQ(watch.first_bad(), 2);
}

TEST(FiniteWatch, LeavesOutABlockOfLandWhoseChannelIsThereOnOtherBlocksOnManyRanks) {
  auto const world = Communicator::world();
  Mesh const mesh(world, {1, 1, world.size()});
  auto const values = at::full({1, 2, 1, 1, 1, 3}, world.is_root() ? std::nan("") : 1.0);
  FiniteWatch watch(values, mesh.group());
  watch.see(1, values.select(1, 0));
  EXPECT_FALSE(watch.first_bad().has_value());
}

TEST(FiniteWatch, TakesAChannelThatIsMissingAltogetherAsBad) {
  FiniteWatch watch(at::full({1, 2, 1, 1, 1, 3}, std::nan("")));
  watch.see(1, at::full({1, 1, 1, 1, 3}, std::nan("")));
  EXPECT_EQ(watch.first_bad(), 1);
}

}  // namespace
}  // namespace eddyline
