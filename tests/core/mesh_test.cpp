#include "core/mesh.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/process_group.hpp"
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

TEST(Mesh, NamesTheSplitsThatTheRanksCanForm) {
  auto const nearest = [](std::array<int, 3> parts) {
    return message_of<Error>([&] { Mesh const mesh(Communicator::rehearsal(0, 4), parts); });
  };
  EXPECT_THAT(nearest({3, 1, 1}),
              testing::EndsWith("which is 4; set it to one of [4, 1, 1], [2, 1, 1], [1, 1, 1], "
                                "[2, 1, 2], [2, 2, 1]"));
  EXPECT_THAT(nearest({1, 2, 4}), testing::HasSubstr("set it to one of [1, 1, 4], [1, 2, 2], "));
}

TEST(RehearsedMesh, StandsAtARanksPlaceAndSendsNothing) {
  auto const world = Communicator::rehearsal(7, 8);
  Mesh const mesh(world, {1, 2, 2});
  EXPECT_EQ(mesh.position(), (std::array<int, 3>{0, 1, 1}));
  EXPECT_EQ(mesh.data().rank(), 1);
  EXPECT_EQ(mesh.data().size(), 2);
  EXPECT_EQ(mesh.domain().size(), 4);
  EXPECT_EQ(mesh.line(2)->getSize(), 2);
  EXPECT_EQ(mesh.world().duplicate().rank(), 7);
  EXPECT_EQ(world.all_reduce(3.0), 3.0);
  auto const before = traffic_of_process()["other"].sent;
  std::vector<at::Tensor> values = {at::full({100}, 5.0F)};
  mesh.group()->allreduce(values)->wait();
  EXPECT_TRUE(values[0].eq(5).all().item<bool>());
  EXPECT_EQ(traffic_of_process()["other"].sent - before, 2 * 400 * 3 / 4);
}

}  // namespace
}  // namespace eddyline
