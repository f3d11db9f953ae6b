#include "data/formats/netcdf_format.hpp"

#include <fstream>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/data/formats/netcdf_fixture.hpp"

namespace eddyline {
namespace {

void write_levels(std::filesystem::path const& path, int mode) {
  NetcdfWriter out(path, mode);
  int const time = out.dimension("time", 2);
  int const level = out.dimension("level", 2);
  int const lat = out.dimension("lat", 3);
  int const u = out.variable("u", NC_FLOAT, {time, level, lat});
  out.put(u, count_from(0, 1, 12));
}

TEST(NetcdfFormat, IsRecognisedByBytesAndByEnding) {
  TemporaryFolder const folder;
  write_levels(folder / "classic.data", 0);
  write_levels(folder / "four.data", NC_NETCDF4);
  write_levels(folder / "four.nc", NC_NETCDF4);
  std::ofstream(folder / "text.nc") << "not at all a netCDF file";
  EXPECT_TRUE(recognises_netcdf(folder / "classic.data"));
  EXPECT_TRUE(recognises_netcdf(folder / "four.nc"));
  EXPECT_TRUE(recognises_netcdf(folder.path()));
  EXPECT_FALSE(recognises_netcdf(folder / "four.data"));  // any HDF5 file may be called so
  EXPECT_FALSE(recognises_netcdf(folder / "text.nc"));
  EXPECT_FALSE(recognises_netcdf(folder / "missing.nc"));
}

TEST(NetcdfFormat, OpensThroughTheRegistry) {
  TemporaryFolder const folder;
  write_levels(folder / "a.nc", 0);
  EXPECT_EQ(open_reader("auto", {.path = folder / "a.nc"})->spec().fields.channels(), 2);
  auto const axis = open_reader("netcdf", {.path = folder / "a.nc", .map = "levels: axis"});
  EXPECT_EQ(axis->spec().grid.shape(), (std::array<int64_t, 3>{1, 2, 3}));
}

TEST(NetcdfFormat, RefusesSplitsAndUnknownKeys) {
  TemporaryFolder const folder;
  write_levels(folder / "a.nc", 0);
  auto const split = message_of<Error>(
      [&] { open_reader("netcdf", {.path = folder / "a.nc", .split = "train"}); });
  EXPECT_NE(split.find("netCDF data have no split 'train' of their own"), std::string::npos)
      << split;
  EXPECT_NE(split.find("while opening '"), std::string::npos) << split;
  auto const key = message_of<Error>(
      [&] { open_reader("netcdf", {.path = folder / "a.nc", .map = "level: axis"}); });
  EXPECT_NE(key.find("levels"), std::string::npos) << key;
}

}  // namespace
}  // namespace eddyline
