#include "data/sharding/block_noise.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "data/sharding/part_of.hpp"

namespace eddyline {
namespace {

TEST(BlockNoise, IsThatOfTheWholeGridOnAnySplitAndUnevenPartsOnOneRank) {
  RandomKey const key{.seed = 3, .step = 7, .layer = 11};
  std::vector<int64_t> const samples = {4, 9};
  std::array<int64_t, 3> const cells = {3, 5, 7};
  auto const whole = at::empty({2, 2, 3, cells[0], cells[1], cells[2]});
  fill_normal(whole, key, samples);
  for (auto const parts : std::vector<std::array<int, 3>>{{1, 1, 2}, {2, 3, 1}, {1, 2, 4}}) {
    Decomposition const division(cells, parts);
    for (int rank = 0; rank < division.ranks(); ++rank) {
      auto const block = division.block(rank);
      auto const own =
          at::empty({2, 2, 3, block.box.size[0], block.box.size[1], block.box.size[2]});
      fill_normal(own, key, samples, block);
      EXPECT_TRUE(own.equal(part_of(whole, block.box))) << rank << " of " << division.ranks();
    }
  }
}

TEST(BlockNoise, OfNoSampleIsNoneOnOneRank) {
  fill_normal(at::empty({0, 1, 2, 2, 2, 2}), {}, {}, whole_block({2, 2, 2}));
}

}  // namespace
}  // namespace eddyline
