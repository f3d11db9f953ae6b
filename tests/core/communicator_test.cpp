#include "core/communicator.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>
#include <tuple>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

TEST(Communicator, ReducesOverTheRanks) {
  auto const world = Communicator::world();
  auto const size = world.size();
  EXPECT_EQ(world.all_reduce(int64_t{world.rank() + 1}), size * (size + 1) / 2);
  EXPECT_EQ(world.all_reduce(int64_t{world.rank()}, Reduction::max), size - 1);
  EXPECT_EQ(world.all_reduce(world.rank() + 0.5, Reduction::min), 0.5);
  EXPECT_EQ(world.all_reduce(2.0, Reduction::product), 1 << size);
  std::vector<double> values = {1.0, static_cast<double>(world.rank())};
  world.all_reduce(std::span(values));
  EXPECT_EQ(values, (std::vector<double>{static_cast<double>(size), size * (size - 1) / 2.0}));
}

TEST(Communicator, BroadcastsAndGathersTextsOfUnequalLength) {
  auto const world = Communicator::world();
  auto const last = world.size() - 1;
  EXPECT_EQ(world.broadcast(std::string(static_cast<size_t>(world.rank()), 'x') + "!", last),
            std::string(static_cast<size_t>(last), 'x') + "!");
  auto const texts = world.all_gather(std::string(static_cast<size_t>(world.rank()), 'y'));
  ASSERT_EQ(static_cast<int>(texts.size()), world.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(texts[i], std::string(i, 'y'));
  }
  EXPECT_EQ(world.all_gather(int64_t{7}), std::vector<int64_t>(texts.size(), 7));
}

TEST(Communicator, SplitsIntoGroupsInRankOrder) {
  auto const world = Communicator::world();
  auto const half = world.split(world.rank() % 2);
  EXPECT_EQ(half.rank(), world.rank() / 2);
  EXPECT_EQ(half.size(), (world.size() + 1 - world.rank() % 2) / 2);
  EXPECT_EQ(half.all_reduce(int64_t{world.rank() % 2}, Reduction::max), world.rank() % 2);
  EXPECT_EQ(Communicator::self().size(), 1);
  EXPECT_EQ(world.duplicate().size(), world.size());
}

TEST(MpiSession, LoadsNoDriverOfANetworkThatIsNotHere) {
  for (auto const* const place :
       {"/sys/class/infiniband", "/sys/class/cxi", "/dev/hfi1_0", "/dev/ipath"}) {
    if (std::filesystem::exists(place)) {
      GTEST_SKIP() << "there is a network besides Ethernet: " << place;
    }
  }
  std::ifstream maps("/proc/self/maps");
  std::string const loaded{std::istreambuf_iterator<char>(maps), {}};
  EXPECT_THAT(loaded, testing::Not(testing::HasSubstr("libpsm")));
  EXPECT_THAT(loaded, testing::Not(testing::HasSubstr("libfabric")));
}

TEST(Communicator, MovesItsHandle) {
  auto one = Communicator::world();
  auto const handle = one.handle();
  auto const two = std::move(one);
  EXPECT_EQ(two.handle(), handle);
  EXPECT_EQ(one.handle(), MPI_COMM_NULL);
}

TEST(Communicator, TogetherDoesNothingMoreWhenAllIsWell) {
  int calls = 0;
  Communicator::world().together([&] { ++calls; });
  EXPECT_EQ(calls, 1);
}

TEST(Communicator, TogetherThrowsTheErrorOfTheLowestRankOnAll) {
  auto const world = Communicator::world();
  auto const last = world.size() - 1;
  try {
    world.together([&] { require(world.rank() < last, "file ", world.rank(), " is missing"); });
    FAIL() << "nothing was thrown";
  } catch (Error const& error) {
    auto const place = world.size() > 1 ? concat("\n  on rank ", last) : std::string();
    EXPECT_EQ(error.what(), concat("file ", last, " is missing", place));
  }
}

TEST(Communicator, TogetherKeepsTheKindOfTheError) {
  auto const world = Communicator::world();
  EXPECT_THROW(world.together([] { throw Diverged("u is NaN"); }), Diverged);
  EXPECT_THROW(world.together([] { throw Failure("disk full"); }), Failure);
  EXPECT_THROW(world.together([] { throw std::runtime_error("what we did not foresee"); }), Bug);
}

TEST(Communicator, TogetherKnowsWhatTheMachineRefusesFromABug) {
  auto const world = Communicator::world();
  EXPECT_THROW(world.together([] { throw std::bad_alloc(); }), Failure);
  EXPECT_THROW(world.together([] { std::ignore = std::filesystem::file_size("/no/such/file"); }),
               Failure);
  try {
    world.together([] { at::ones({2, 3}).matmul(at::ones({4, 5})); });
    FAIL() << "nothing was thrown";
  } catch (Bug const& bug) {
    EXPECT_THAT(bug.what(), testing::Not(testing::HasSubstr("frame #0"))) << "a backtrace";
  }
}

TEST(Communicator, TogetherLeavesNoRankBehindWhateverIsThrown) {
  auto const world = Communicator::world();
  EXPECT_THROW(world.together([&] {
    if (world.rank() == world.size() - 1) {
      throw 3;
    }
  }),
               Bug);
}

TEST(Communicator, TogetherNamesTheRankOnceWhenNested) {
  auto const world = Communicator::world();
  auto const last = world.size() - 1;
  try {
    world.together(
        [&] { world.together([&] { require(world.rank() < last, "a file is missing"); }); });
    FAIL() << "nothing was thrown";
  } catch (Error const& error) {
    EXPECT_EQ(error.what(),
              world.size() > 1 ? concat("a file is missing\n  on rank ", last)
                               : std::string("a file is missing"));
    EXPECT_EQ(error.spread(), Spread::all_ranks);
  }
}

TEST(Communicator, CollectivelySharesAnErrorOfRanksThatAllCameBack) {
  auto const world = Communicator::world();
  try {
    world.collectively([&] { expect_machine(world.rank() > 0, "disk full"); });
    FAIL() << "nothing was thrown";
  } catch (Failure const& failure) {
    EXPECT_EQ(failure.spread(), Spread::all_ranks);
    EXPECT_THAT(failure.what(), testing::StartsWith("disk full"));
  }
}

TEST(Communicator, CollectivelyFailsAloneWhereTheOthersHangOnManyRanks) {
  auto const world = Communicator::world();
  int token = 0;
  if (world.rank() > 0) {
    world.collectively(
        [&] { MPI_Recv(&token, 1, MPI_INT, 0, 0, world.handle(), MPI_STATUS_IGNORE); });
    return;
  }
  try {
    world.collectively([] { throw Failure("disk full"); }, std::chrono::milliseconds(50));
    ADD_FAILURE() << "nothing was thrown";
  } catch (Failure const& failure) {
    EXPECT_EQ(failure.spread(), Spread::one_rank);
  }
  for (int rank = 1; rank < world.size(); ++rank) {
    MPI_Send(&token, 1, MPI_INT, rank, 0, world.handle());
  }
  world.together([] {});  // what the others go through once they are free
}

}  // namespace
}  // namespace eddyline
