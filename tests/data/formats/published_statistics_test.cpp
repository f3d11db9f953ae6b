#include "data/pipeline/published_statistics.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cmath>

#include <gtest/gtest.h>

#include "tests/data/formats/netcdf_fixture.hpp"
#include "tests/data/formats/npz_fixture.hpp"
#include "tests/message_of.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

void write_numbers(std::filesystem::path const& path,
                   std::vector<std::pair<std::string, double>> const& numbers) {
  ZipEntries entries;
  for (auto const& [name, value] : numbers) {
    entries.emplace_back(name + ".npy", npy_bytes(at::full({1}, value, at::kDouble)));
  }
  std::ofstream(path, std::ios::binary) << zip_bytes(entries, ZipMethod::stored);
}

Statistics computed() {
  Statistics statistics{.dataset = "shards", .channels = {"z_500", "tp"}};
  statistics.mean = statistics.std = statistics.rms = {1, 1};
  statistics.mean_delta = statistics.std_delta = statistics.rms_delta = {0.5, 0.5};
  statistics.count = statistics.count_delta = {9, 9};
  statistics.constant_channels = {"orography"};
  statistics.constant_mean = statistics.constant_std = statistics.constant_rms = {1};
  return statistics;
}

struct Shards {
  TemporaryFolder folder;

  Shards() {
    write_numbers(folder / "normalize_mean.npz",
                  {{"geopotential_500", 54000}, {"total_precipitation", 3}, {"orography", 300}});
    write_numbers(folder / "normalize_std.npz",
                  {{"geopotential_500", 3000}, {"total_precipitation", 4}, {"orography", 400}});
  }
  std::string refusal() const {
    auto statistics = computed();
    return message_of<Error>([&] { use_published_statistics(statistics, folder.path()); });
  }
};

TEST(PublishedStatistics, TakeThePlaceOfComputedMeansAndDeviations) {
  Shards const shards;
  auto statistics = computed();
  use_published_statistics(statistics, shards.folder.path());
  EXPECT_EQ(statistics.mean, (std::vector<double>{54000, 0})) << "of precipitation it is 0";
  EXPECT_EQ(statistics.std, (std::vector<double>{3000, 4}));
  EXPECT_EQ(statistics.rms, (std::vector<double>{std::hypot(54000.0, 3000.0), 4}));
  EXPECT_EQ(statistics.constant_mean, (std::vector<double>{300}));
  EXPECT_EQ(statistics.constant_rms, (std::vector<double>{500}));
  EXPECT_EQ(statistics.std_delta, computed().std_delta);
  EXPECT_EQ(statistics.count, computed().count);
}

TEST(PublishedStatistics, SayWhatTheyLack) {
  Shards const shards;
  write_numbers(shards.folder / "normalize_std.npz", {{"geopotential_500", 3000}});
  EXPECT_THAT(shards.refusal(), HasSubstr("normalize_std.npz' has nothing for 'tp'"));
  write_numbers(shards.folder / "normalize_std.npz",
                {{"geopotential_500", 0}, {"total_precipitation", 4}});
  EXPECT_THAT(shards.refusal(), HasSubstr("says that 'z_500' deviates by 0"));
  std::filesystem::remove(shards.folder / "normalize_std.npz");
  EXPECT_THAT(shards.refusal(),
              testing::AllOf(HasSubstr("has no normalize_std.npz"),
                             HasSubstr("set data.statistics=computed")));
}

Grid small_globe(int64_t columns) {
  Axis latitude{.name = "latitude", .coordinates = {-45, 45}};
  Axis longitude{.name = "longitude", .coordinates = {}};
  for (int64_t i = 0; i < columns; ++i) {
    longitude.coordinates.push_back(60.0 * static_cast<double>(i));
  }
  return Grid({latitude, longitude}, Geometry::lat_lon);
}

TEST(PublishedClimatology, IsAMapOfEachChannelByItsName) {
  TemporaryFolder const folder;
  std::filesystem::create_directories(folder / "train");
  auto const maps = numbered({2, 1, 2, 3});
  std::ofstream(folder / "train/climatology.npz", std::ios::binary) << zip_bytes(
      {{"2m_temperature.npy", npy_bytes(maps[0])}, {"geopotential_500.npy", npy_bytes(maps[1])}},
      ZipMethod::stored);
  auto const read = published_climatology(
      folder.path(), {"z_500", "t2m"}, small_globe(3), numbers_of({.size = {1, 2, 3}}));
  EXPECT_TRUE(read.equal(maps.flip(0)));
  CellNumbers const block = {{{0}, {1}, {2, 0}}};  // padded across the end of a periodic axis
  EXPECT_TRUE(published_climatology(folder.path(), {"z_500", "t2m"}, small_globe(3), block)
                  .equal(take_cells(maps.flip(0), block)));
  EXPECT_THAT(message_of<Error>([&] {
                published_climatology(
                    folder.path(), {"t2m"}, small_globe(4), numbers_of({.size = {1, 2, 4}}));
              }),
              HasSubstr("has the shape (1, 2, 3), the grid of its folder is (1, 2, 4)"));
  EXPECT_THAT(message_of<Error>([&] {
                published_climatology(
                    folder.path(), {"t2"}, small_globe(3), numbers_of({.size = {1, 2, 3}}));
              }),
              HasSubstr("climatology.npz' has nothing for 't2'"));
}

}  // namespace
}  // namespace eddyline
