#include "data/sharding/sharding.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/message_of.hpp"

namespace eddyline {
namespace {

std::shared_ptr<Mesh const> along_w() {
  auto const world = Communicator::world();
  return std::make_shared<Mesh>(world, std::array<int, 3>{1, 1, world.size()});
}

TEST(Sharding, BlocksOfAllRanksMakeTheGridAndBeginAtPatches) {
  auto const mesh = along_w();
  Sharding const sharding(mesh, {1, 8, 40}, {1, 4, 4});
  EXPECT_EQ(sharding.axis(2).total(), 40);
  EXPECT_EQ(sharding.axis(1).total(), 8);
  EXPECT_EQ(sharding.block().box.first[2], sharding.axis(2).first());
  EXPECT_EQ(sharding.block().box.size[2], sharding.axis(2).own());
  auto const patches = sharding.in_patches({1, 4, 4});
  EXPECT_EQ(patches.axis(2).total(), 10);
  EXPECT_EQ(patches.block().box.size[1], 2);
  EXPECT_EQ(patches.block().box.first[2] * 4, sharding.block().box.first[2]);
}

TEST(Sharding, OfAPartOfTheGridLeavesEachCellOnItsRank) {
  auto const mesh = along_w();
  Sharding const sharding(mesh, {1, 8, 40}, {1, 4, 4});
  auto const part = sharding.part({.first = {0, 1, 2}, .size = {1, 6, 35}});
  EXPECT_EQ(part.block().global, (std::array<int64_t, 3>{1, 6, 35}));
  EXPECT_EQ(part.axis(1).total(), 6);
  EXPECT_EQ(part.axis(2).total(), 35);
  auto const rank = mesh->domain().rank();
  auto const& own = part.block().box;
  auto const& all = sharding.block().box;
  EXPECT_EQ(own.first[2] + 2, rank == 0 ? 2 : all.first[2]);
  EXPECT_EQ(own.first[2] + own.size[2] + 2,
            rank + 1 == mesh->domain().size() ? 37 : all.first[2] + all.size[2]);
}

TEST(Sharding, NamesABlockThatIsNoMultipleOfThePatch) {
  Sharding const sharding(along_w(), {1, 1, 6});
  EXPECT_THAT(message_of<Error>([&] {
                sharding.in_patches({1, 1, 4});
              }),
              testing::HasSubstr("no multiple of the patch 4"));
}

}  // namespace
}  // namespace eddyline
