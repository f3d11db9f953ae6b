#include "data/formats/climax_folder.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/data/formats/netcdf_fixture.hpp"
#include "tests/data/formats/npz_fixture.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

std::vector<std::string> names(std::vector<ClimaxShard> const& shards) {
  std::vector<std::string> result;
  for (auto const& shard : shards) {
    result.push_back(shard.path.filename());
  }
  return result;
}

TEST(ClimaxFolder, ListsShardsByYearAndNumberWithoutClimatology) {
  TemporaryFolder const folder;
  for (auto const* name : {"train/1979_10", "train/1979_9", "train/1978_0", "train/climatology"}) {
    write_npz(folder / (std::string(name) + ".npz"), {{"t", numbered({1})}});
  }
  EXPECT_EQ(names(climax_shards(folder.path(), "train")),
            (std::vector<std::string>{"1978_0.npz", "1979_9.npz", "1979_10.npz"}));
  EXPECT_EQ(climax_splits(folder.path()), (std::vector<std::string>{"train"}));
}

TEST(ClimaxFolder, TheFolderOfValidIsCalledVal) {
  TemporaryFolder const folder;
  for (auto const* name : {"test/2017_0", "val/2016_0", "train/1979_0"}) {
    write_npz(folder / (std::string(name) + ".npz"), {{"t", numbered({1})}});
  }
  EXPECT_EQ(climax_splits(folder.path()), (std::vector<std::string>{"train", "valid", "test"}));
  EXPECT_EQ(names(climax_shards(folder.path(), "valid")), std::vector<std::string>{"2016_0.npz"});
  EXPECT_EQ(names(climax_shards(folder.path(), "all")),
            (std::vector<std::string>{"1979_0.npz", "2016_0.npz", "2017_0.npz"}));
}

TEST(ClimaxFolder, SaysWhereShardsAreExpected) {
  TemporaryFolder const folder;
  EXPECT_THAT(message_of<Error>([&] { climax_shards(folder.path(), "test"); }),
              HasSubstr("has no shards for test; they are .npz files in its folders train, val"));
}

TEST(ClimaxFolder, LongitudesAroundTheGlobeArePeriodic) {
  TemporaryFolder const folder;
  write_npy(folder / "lat.npy", at::tensor({-45.0, 45.0}));
  write_npy(folder / "lon.npy", at::tensor({0.0, 90.0, 180.0, 270.0}));
  auto const grid = climax_grid(folder.path());
  EXPECT_EQ(grid.shape(), (std::array<int64_t, 3>{1, 2, 4}));
  EXPECT_EQ(grid.geometry(), Geometry::lat_lon);
  EXPECT_TRUE(grid.axis(2).is_periodic());
  EXPECT_FALSE(grid.axis(1).is_periodic());
}

TEST(ClimaxFolder, RefusesCoordinatesThatAreNoFiniteList) {
  TemporaryFolder const folder;
  write_npy(folder / "lat.npy", numbered({2, 2}));
  EXPECT_THAT(message_of<Error>([&] { climax_grid(folder.path()); }),
              HasSubstr("lat.npy' has the shape (2, 2); the latitudes of the grid are one list"));
  write_npy(folder / "lat.npy", at::tensor({0.0, std::nan("")}));
  EXPECT_THAT(message_of<Error>([&] { climax_grid(folder.path()); }),
              HasSubstr("lat.npy' is not finite at 1"));
}

ClimaxShard shard(int64_t year, int64_t part, int64_t frames) {
  return {.path = {}, .year = year, .part = part, .frames = frames};
}

TEST(ClimaxFolder, ShardsOfWholeYearsHaveDates) {
  auto const starts = climax_start_hours(
      {shard(1980, 0, 1000), shard(1980, 1, 460), shard(1981, 0, 730), shard(1981, 1, 730)}, 6);
  EXPECT_EQ(starts, (std::vector<double>{0, 6000, 366 * 24, 366 * 24 + 4380}));  // a leap year
}

TEST(ClimaxFolder, ShardsThatMakeUpNoWholeYearHaveNone) {
  EXPECT_TRUE(climax_start_hours({shard(1980, 0, 1000)}, 6).empty());
  EXPECT_TRUE(climax_start_hours({shard(1980, 0, 730), shard(1980, 2, 730)}, 6).empty());
  EXPECT_TRUE(climax_start_hours({{.path = {}, .year = {}, .part = 0, .frames = 8760}}, 1).empty());
}

}  // namespace
}  // namespace eddyline
