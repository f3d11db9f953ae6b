#include "core/mesh.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/message_of.hpp"

namespace eddyline {
namespace {

TEST(Mesh, WithoutASplitEveryRankHasSamplesOfItsOwn) {
  auto const world = Communicator::world();
  Mesh const mesh(world, {1, 1, 1});
  EXPECT_FALSE(mesh.is_split());
  EXPECT_EQ(mesh.data().size(), world.size());
  EXPECT_EQ(mesh.domain().size(), 1);
  EXPECT_EQ(mesh.group(), nullptr);
}

TEST(Mesh, RanksAlongWAreNeighboursOnManyRanks) {
  auto const world = Communicator::world();
  Mesh const mesh(world, {1, 1, 2});
  EXPECT_EQ(mesh.data().size(), world.size() / 2);
  EXPECT_EQ(mesh.data().rank(), world.rank() / 2);
  EXPECT_EQ(mesh.position(), (std::array<int, 3>{0, 0, world.rank() % 2}));
  EXPECT_EQ(mesh.line(2)->getSize(), 2);
  EXPECT_EQ(mesh.line(1), nullptr);
}

TEST(Mesh, ALineHoldsTheRanksThatDifferInOneAxisOnlyOnManyRanks) {
  auto const world = Communicator::world();
  if (world.size() == 2) {
    return;  // what follows needs two split axes
  }
  Mesh const mesh(world, {2, 1, 2});
  std::vector<at::Tensor> along_d = {at::tensor({mesh.domain().rank()}, at::kLong)};
  mesh.line(0)->allreduce(along_d)->wait();
  // Ranks 0 and 2, or 1 and 3.
  EXPECT_EQ(along_d[0].item<int64_t>(), 2 + 2 * mesh.position()[2]);
}

TEST(Mesh, NamesASplitThatDoesNotDivideTheRanks) {
  auto const message = message_of<Error>([] { Mesh const mesh(Communicator::world(), {3, 1, 1}); });
  EXPECT_THAT(message, testing::HasSubstr("parallel.domain is [3, 1, 1]"));
  EXPECT_THAT(message, testing::HasSubstr("divides the number of ranks, which is ")) << message;
}

}  // namespace
}  // namespace eddyline
