#include "data/formats/netcdf_classic.hpp"

#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/data/formats/netcdf_fixture.hpp"

namespace eddyline {
namespace {

/// Two variables in records, one fixed; names of odd length, so that all padding is met.
void write_classic(std::filesystem::path const& path, int mode, size_t records) {
  NetcdfWriter out(path, mode);
  int const time = out.dimension("time", NC_UNLIMITED);
  int const x = out.dimension("x", 3);
  int const u = out.variable("u", NC_SHORT, {time, x});
  out.text(u, "units", "m/s");
  int const vel = out.variable("vel", NC_DOUBLE, {time, x});
  int const land = out.variable("land_", NC_BYTE, {x});
  out.put(land, {0, 1, 0});
  out.put(u, {records, 3}, count_from(1, 1, 3 * records));
  out.put(vel, {records, 3}, count_from(1, 1, 3 * records));
}

TEST(CheckClassicNetcdf, AcceptsEveryVersion) {
  TemporaryFolder const folder;
  for (int const mode : {0, NC_64BIT_OFFSET, NC_64BIT_DATA}) {
    for (size_t const records : {1, 2, 5}) {
      write_classic(folder / "a.nc", mode, records);
      EXPECT_NO_THROW(check_classic_netcdf(folder / "a.nc")) << mode << ", " << records;
    }
  }
}

TEST(CheckClassicNetcdf, AcceptsASingleVariableInRecordsWithoutPadding) {
  TemporaryFolder const folder;
  {
    NetcdfWriter out(folder / "one.nc", 0);
    int const time = out.dimension("time", NC_UNLIMITED);
    int const u = out.variable("u", NC_SHORT, {time, out.dimension("x", 3)});
    out.put(u, {5, 3}, count_from(0, 1, 15));
  }
  EXPECT_NO_THROW(check_classic_netcdf(folder / "one.nc"));
}

TEST(CheckClassicNetcdf, RefusesEveryTruncation) {
  TemporaryFolder const folder;
  for (int const mode : {0, NC_64BIT_OFFSET, NC_64BIT_DATA}) {
    write_classic(folder / "whole.nc", mode, 4);
    auto const size = std::filesystem::file_size(folder / "whole.nc");
    for (uintmax_t cut = 8; cut < size; ++cut) {
      std::filesystem::copy_file(folder / "whole.nc",
                                 folder / "cut.nc",
                                 std::filesystem::copy_options::overwrite_existing);
      std::filesystem::resize_file(folder / "cut.nc", cut);
      auto const message = message_of<Error>([&] { check_classic_netcdf(folder / "cut.nc"); });
      ASSERT_NE(message.find("cut.nc"), std::string::npos)
          << "cut at " << cut << " of " << size << ": " << message;
    }
  }
}

TEST(CheckClassicNetcdf, SurvivesEveryDamagedByteOfTheHeader) {
  TemporaryFolder const folder;
  write_classic(folder / "whole.nc", NC_64BIT_OFFSET, 2);
  std::ifstream in(folder / "whole.nc", std::ios::binary);
  std::string const bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  int refused = 0;
  for (size_t i = 4; i < bytes.size(); ++i) {
    auto damaged = bytes;
    damaged[i] = static_cast<char>(0xFF);
    std::ofstream(folder / "bad.nc", std::ios::binary) << damaged;
    refused += message_of<Error>([&] { check_classic_netcdf(folder / "bad.nc"); }).empty() ? 0 : 1;
  }
  EXPECT_GT(refused, 50);  // counts, tags, types and places; names and values may hold anything
}

TEST(NetcdfKind, TellsTheVersions) {
  TemporaryFolder const folder;
  write_classic(folder / "1.nc", 0, 1);
  write_classic(folder / "2.nc", NC_64BIT_OFFSET, 1);
  write_classic(folder / "5.nc", NC_64BIT_DATA, 1);
  write_classic(folder / "4.nc", NC_NETCDF4, 1);
  EXPECT_EQ(netcdf_kind(folder / "1.nc"), NetcdfKind::classic);
  EXPECT_EQ(netcdf_kind(folder / "2.nc"), NetcdfKind::offset_64);
  EXPECT_EQ(netcdf_kind(folder / "5.nc"), NetcdfKind::data_64);
  EXPECT_EQ(netcdf_kind(folder / "4.nc"), NetcdfKind::hdf5);
  EXPECT_EQ(netcdf_kind(folder / "none.nc"), NetcdfKind::none);
}

}  // namespace
}  // namespace eddyline
