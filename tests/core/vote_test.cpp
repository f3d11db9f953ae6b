#include "core/vote.hpp"

#include <gtest/gtest.h>

namespace eddyline {
namespace {

TEST(Vote, TellsAllRanksWhetherAnySaidYes) {
  auto const world = Communicator::world();
  Vote vote(world);
  EXPECT_FALSE(vote.close()) << "none is open";
  for (auto const says_yes : {false, true, false}) {
    vote.open(says_yes && world.rank() == world.size() - 1);
    EXPECT_EQ(vote.close(), says_yes);
  }
}

TEST(Vote, DoesNotWaitForRanksThatOpenItLater) {
  auto const world = Communicator::world();
  Vote vote(world);
  auto const before = (world.rank() + world.size() - 1) % world.size();
  auto const after = (world.rank() + 1) % world.size();
  int turn = 0;
  if (!world.is_root()) {
    MPI_Recv(&turn, 1, MPI_INT, before, 0, world.handle(), MPI_STATUS_IGNORE);
  }
  vote.open(world.is_root());
  if (after != 0) {
    MPI_Send(&turn, 1, MPI_INT, after, 0, world.handle());
  }
  EXPECT_TRUE(vote.close());
}

}  // namespace
}  // namespace eddyline
