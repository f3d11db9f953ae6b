#include "data/formats/netcdf_file.hpp"

#include <cmath>
#include <fstream>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/data/formats/netcdf_fixture.hpp"

namespace eddyline {
namespace {

std::vector<float> read(std::filesystem::path const& path, std::string const& name) {
  NetcdfFile const file(path);
  auto const* variable = file.find(name);
  std::vector<size_t> count;
  size_t cells = 1;
  for (auto const d : variable->dimensions) {
    count.push_back(static_cast<size_t>(file.dimensions()[static_cast<size_t>(d)].size));
    cells *= count.back();
  }
  std::vector<float> values(cells);
  file.read(*variable, std::vector<size_t>(count.size(), 0), count, values.data());
  return values;
}

TEST(NetcdfFile, UnpacksShortsOfEveryKindOfFile) {
  TemporaryFolder const folder;
  for (int const mode : {0, NC_64BIT_OFFSET, NC_64BIT_DATA, NC_NETCDF4}) {
    auto const path = folder / ("packed" + std::to_string(mode) + ".nc");
    {
      NetcdfWriter out(path, mode);
      int const x = out.dimension("x", 4);
      int const u = out.variable("u", NC_SHORT, {x});
      out.number(u, "scale_factor", NC_DOUBLE, {-0.5});
      out.number(u, "add_offset", NC_DOUBLE, {10});
      out.number(u, "_FillValue", NC_SHORT, {-999});
      out.put(u, {0, 3, -999, -4});
    }
    auto const values = read(path, "u");
    EXPECT_EQ(values[0], 10.0F);
    EXPECT_EQ(values[1], 8.5F);
    EXPECT_TRUE(std::isnan(values[2]));
    EXPECT_EQ(values[3], 12.0F);
  }
}

TEST(NetcdfFile, ReadsSignedBytesAsUnsignedWhereTheFileSaysSo) {
  TemporaryFolder const folder;
  {
    NetcdfWriter out(folder / "u.nc", 0);
    int const x = out.dimension("x", 4);
    int const u = out.variable("u", NC_BYTE, {x});
    out.text(u, "_Unsigned", "true");
    out.number(u, "_FillValue", NC_BYTE, {-1});  // 255
    out.number(u, "scale_factor", NC_FLOAT, {2});
    out.put(u, {0, 127, -128, -1});
  }
  auto const values = read(folder / "u.nc", "u");
  EXPECT_EQ(values[1], 254.0F);
  EXPECT_EQ(values[2], 256.0F);  // 128 * 2
  EXPECT_TRUE(std::isnan(values[3]));
}

TEST(NetcdfFile, ReadsUnsignedBytesAsSignedWhereTheFileSaysSo) {
  TemporaryFolder const folder;
  {
    NetcdfWriter out(folder / "u.nc", NC_NETCDF4);
    int const x = out.dimension("x", 3);
    int const u = out.variable("u", NC_UBYTE, {x});
    out.text(u, "_Unsigned", "false");
    out.put(u, {1, 128, 255});
  }
  EXPECT_EQ(read(folder / "u.nc", "u"), (std::vector<float>{1, -128, -1}));
}

TEST(NetcdfFile, MarksEveryKindOfMissingValueAsNaN) {
  TemporaryFolder const folder;
  {
    NetcdfWriter out(folder / "m.nc", NC_NETCDF4);
    int const x = out.dimension("x", 5);
    int const a = out.variable("a", NC_FLOAT, {x});
    out.number(a, "missing_value", NC_DOUBLE, {1e20});
    int const b = out.variable("b", NC_SHORT, {x});
    out.number(b, "valid_range", NC_SHORT, {0, 10});
    int const c = out.variable("c", NC_SHORT, {x});
    out.number(c, "scale_factor", NC_DOUBLE, {0.1});
    out.number(c, "valid_max", NC_DOUBLE, {0.55});
    out.put(a, {1, 1e20, NC_FILL_FLOAT, 4, std::nan("")});
    out.put(b, {-1, 0, 10, 11, NC_FILL_SHORT});
    out.put(c, {1, 5, 6, 7, 2});
  }
  auto const missing = [&](std::string const& name) {
    std::string text;
    for (auto const value : read(folder / "m.nc", name)) {
      text += std::isnan(value) ? 'n' : '.';
    }
    return text;
  };
  EXPECT_EQ(missing("a"), ".nn.n");
  EXPECT_EQ(missing("b"), "n..nn");
  EXPECT_EQ(missing("c"), "..nn.");  // a real limit of packed shorts is one of the values
}

TEST(NetcdfFile, RefusesWhatIsNotNetcdf) {
  TemporaryFolder const folder;
  std::ofstream(folder / "garbage.nc") << "hello, this is text and nothing else";
  auto const garbage = message_of<Error>([&] { NetcdfFile(folder / "garbage.nc"); });
  EXPECT_NE(garbage.find("garbage.nc' is not a netCDF file"), std::string::npos) << garbage;
  auto const missing = message_of<Error>([&] { NetcdfFile(folder / "none.nc"); });
  EXPECT_NE(missing.find("there is no file"), std::string::npos) << missing;
  std::ofstream(folder / "fake.nc", std::ios::binary)
      << "\x89HDF\r\n\x1a\n and then nothing of the kind";
  auto const fake = message_of<Error>([&] { NetcdfFile(folder / "fake.nc"); });
  EXPECT_NE(fake.find("fake.nc' as netCDF-4 (HDF5)"), std::string::npos) << fake;
}

TEST(NetcdfFile, RefusesTruncatedNetcdf4) {
  TemporaryFolder const folder;
  {
    NetcdfWriter out(folder / "t.nc", NC_NETCDF4);
    int const u = out.variable("u", NC_DOUBLE, {out.dimension("x", 1000)});
    out.put(u, count_from(0, 1, 1000));
  }
  std::filesystem::resize_file(folder / "t.nc", std::filesystem::file_size(folder / "t.nc") - 100);
  auto const message = message_of<Error>([&] { NetcdfFile(folder / "t.nc"); });
  EXPECT_NE(message.find("t.nc' is truncated"), std::string::npos) << message;
}

}  // namespace
}  // namespace eddyline
