#include "workflows/rehearsal/memory_check.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/log.hpp"
#include "tests/workflows/rehearsal/made_up_rehearsal.hpp"
#include "tests/workflows/tiny_data.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

constexpr double kGibACell = 0x1p30 / (32 * 64 * 64);

TEST(WayOut, NamesTheFewestRanksAndTheirSplitOnOneRank) {
  MadeUpRehearsal const rehearsal(8 * kGibACell);
  EXPECT_EQ(way_out(rehearsal, {}, {.left = 2.5 * 0x1p30}),
            "share it out over more ranks: parallel.domain=[1, 2, 2] with mpirun -np 4 needs about "
            "2.00 GiB a rank");
}

TEST(WayOut, GivesEachRankAMachineWhereItsMemoryIsTheLimitOnOneRank) {
  EXPECT_THAT(
      way_out(MadeUpRehearsal(8 * kGibACell), {}, {.left = 5.0 * 0x1p30, .is_shared = true}),
      HasSubstr("mpirun -np 2, one rank on each machine, needs about 4.00 GiB"));
}

TEST(WayOut, LeavesRoomForTheAddressesThatALaunchTakesOnOneRank) {
  MadeUpRehearsal const rehearsal(8 * kGibACell);
  EXPECT_THAT(way_out(rehearsal, {}, {.left = 4.55 * 0x1p30}), HasSubstr("mpirun -np 2 needs"));
  EXPECT_THAT(way_out(rehearsal, {}, {.left = 4.55 * 0x1p30, .is_of_addresses = true}),
              HasSubstr("mpirun -np 3 needs"));
}

TEST(WayOut, SaysWhereNoSplitFitsOnOneRank) {
  EXPECT_THAT(way_out(MadeUpRehearsal(8 * kGibACell), {}, {.left = 1e6}),
              HasSubstr("no split over up to 64 ranks fits"));
}

TEST(QuickNeeds, TakeMoreCellsWhereTheNetworkDoesNotTakeFewOnOneRank) {
  MadeUpRehearsal rehearsal(1);
  rehearsal.take_only(10 * kTriedAtStart);
  EXPECT_TRUE(quick_needs(rehearsal, {}).has_value());
  rehearsal.take_only(100 * kTriedAtStart);
  EXPECT_FALSE(quick_needs(rehearsal, {}).has_value());
}

TEST(CheckMemory, SaysTheSameOnAllRanksBeforeTheRun) {
  auto const world = Communicator::world();
  Mesh const mesh(world, {1, 1, 1});
  try {
    check_memory(MadeUpRehearsal(1e6 * kGibACell), {"rollout", "check_memory"}, mesh);
    FAIL() << "no machine has a million GiB";
  } catch (Failure const& failure) {
    std::string const text = failure.what();
    EXPECT_THAT(text, HasSubstr("this rollout needs about 1000000.00 GiB on a rank, but "));
    EXPECT_THAT(text, HasSubstr(" allows "));
    EXPECT_THAT(text, HasSubstr("check_memory=false tries it all the same"));
    for (auto const& others : world.all_gather(text)) {
      EXPECT_EQ(others, text);
    }
  }
}

TEST(CheckMemory, TriesNothingWhereThereIsAmpleRoom) {
  MadeUpRehearsal rehearsal(1);
  Mesh const mesh(Communicator::world(), {1, 1, 1});
  rehearsal.need_at_most(1e6);
  check_memory(rehearsal, {"rollout", "check_memory"}, mesh);
  EXPECT_EQ(rehearsal.trials(), 0);
}

TEST(CheckMemory, SaysWhyItWasSkipped) {
  auto const world = Communicator::world();
  MadeUpRehearsal rehearsal(1);
  rehearsal.refuse("no network\nof this kind");
  tiny::Folder const folder(world);
  attach_log_file(folder.path() / concat("log", world.rank()));
  check_memory(rehearsal, {"rollout", "check_memory"}, Mesh(world, {1, 1, 1}));
  detach_log_file();
  std::ifstream in(folder.path() / concat("log", world.rank()));
  std::string const text{std::istreambuf_iterator<char>(in), {}};
  if (world.is_root()) {
    EXPECT_THAT(text,
                HasSubstr("whether there is memory for this rollout was not checked: no network of "
                          "this kind"));
  }
}

TEST(CheckMemory, LetsARunGoOnThatHasRoom) {
  Mesh const mesh(Communicator::world(), {1, 1, 1});
  EXPECT_NO_THROW(check_memory(MadeUpRehearsal(1), {"rollout", "check_memory"}, mesh));
}

}  // namespace
}  // namespace eddyline
