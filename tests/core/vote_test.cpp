#include "core/vote.hpp"

#include <gtest/gtest.h>

namespace eddyline {
namespace {

TEST(Vote, TellsAllRanksWhetherAnySaidYes) {
  auto const world = Communicator::world();
  Vote vote(world);
  EXPECT_FALSE(vote.close()) << "none is open";
  bool const is_last = world.rank() == world.size() - 1;
  for (auto const answer : {Answer::no, Answer::yes, Answer::no}) {
    vote.open(is_last ? answer : Answer::no);
    EXPECT_EQ(vote.close(), answer == Answer::yes);
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
  vote.open(world.is_root() ? Answer::yes : Answer::no);
  if (after != 0) {
    MPI_Send(&turn, 1, MPI_INT, after, 0, world.handle());
  }
  EXPECT_TRUE(vote.close());
}

}  // namespace
}  // namespace eddyline
