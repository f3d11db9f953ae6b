#include "data/formats/netcdf_layout.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/data/formats/netcdf_fixture.hpp"

namespace eddyline {
namespace {

TEST(NetcdfLayout, TakesTheLargestGroupOfVariablesThatShareTheirAxes) {
  TemporaryFolder const folder;
  {
    NetcdfWriter out(folder / "g.nc", NC_NETCDF4);
    int const time = out.dimension("time", 2);
    int const x = out.dimension("x", 3);
    int const y = out.dimension("y", 4);
    out.variable("alone", NC_FLOAT, {time, y});
    out.variable("a", NC_FLOAT, {time, x, y});
    out.variable("b", NC_FLOAT, {x, time, y});
    out.variable("turned", NC_FLOAT, {time, y, x});
    out.variable("still", NC_FLOAT, {x, y});
    out.variable("name", NC_CHAR, {x});
  }
  NetcdfFile const file(folder / "g.nc");
  auto const layout = lay_out(file, {}, Levels::fields);
  EXPECT_EQ(layout.fields.channel_names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(layout.constants.channel_names(), (std::vector<std::string>{"still"}));
  EXPECT_EQ(layout.channels[1].source.time, 1);
  EXPECT_EQ(lay_out(file, {"turned"}, Levels::fields).grid.shape(),
            (std::array<int64_t, 3>{1, 4, 3}));
}

TEST(NetcdfLayout, NamesASingleLevelOnlyWhereItIsAPressure) {
  TemporaryFolder const folder;
  {
    NetcdfWriter out(folder / "s.nc", NC_NETCDF4);
    int const lat = out.dimension("lat", 3);
    int const plev = out.dimension("plev", 1);
    int const height = out.dimension("height", 1);
    int const p = out.coordinate("plev", plev, "Pa");
    int const h = out.coordinate("height", height, "m");
    int const time = out.dimension("time", 2);
    out.variable("t", NC_FLOAT, {time, plev, lat});
    out.variable("tas", NC_FLOAT, {time, height, lat});
    out.put(p, {85000});
    out.put(h, {2});
  }
  auto const layout = lay_out(NetcdfFile(folder / "s.nc"), {}, Levels::fields);
  EXPECT_EQ(layout.fields.channel_names(), (std::vector<std::string>{"t_850", "tas"}));
}

TEST(NetcdfLayout, RefusesAFileWithoutFieldsAndSaysWhy) {
  TemporaryFolder const folder;
  {
    NetcdfWriter out(folder / "n.nc", 0);
    int const u = out.variable("u", NC_FLOAT, {out.dimension("time", 2)});
    out.put(u, {1, 2});
  }
  auto const message =
      message_of<Error>([&] { lay_out(NetcdfFile(folder / "n.nc"), {}, Levels::fields); });
  EXPECT_NE(message.find("no variable of '"), std::string::npos) << message;
  EXPECT_NE(message.find("'u': it has 0 axes of space; 1 to 3 can be read"), std::string::npos)
      << message;
}

TEST(NetcdfLayout, RefusesForecastsWithTwoTimes) {
  TemporaryFolder const folder;
  {
    NetcdfWriter out(folder / "f.nc", 0);
    int const time = out.dimension("time", 2);
    int const step = out.dimension("step", 3);
    int const u = out.variable("u", NC_FLOAT, {time, step, out.dimension("lat", 3)});
    out.put(u, count_from(0, 1, 18));
  }
  auto const message =
      message_of<Error>([&] { lay_out(NetcdfFile(folder / "f.nc"), {}, Levels::fields); });
  EXPECT_NE(message.find("its dimension 'step' is neither time, level, member"), std::string::npos)
      << message;
}

}  // namespace
}  // namespace eddyline
