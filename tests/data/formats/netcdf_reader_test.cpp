#include "data/formats/netcdf_reader.hpp"

#include <cmath>
#include <fstream>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/data/formats/netcdf_fixture.hpp"

namespace eddyline {
namespace {

Box whole(Reader const& reader) {
  return Box{.size = reader.spec().grid.shape()};
}

at::Tensor read(Reader& reader, FrameRange const& frames, Box const& box) {
  auto const out = at::empty(
      {frames.count, reader.spec().fields.channels(), box.size[0], box.size[1], box.size[2]});
  reader.read(frames, box, out);
  return out;
}

/// Value of frame t, level k, latitude i, longitude j.
double value_at(int t, int k, int i, int j) {
  return 1000 * t + 100 * k + 10 * i + j;
}

/// u, w (time, level, lat, lon), orography (lat, lon) and a series without space; 3 frames, 2
/// levels, 3 x 4.
struct Weather {
  TemporaryFolder folder;
  std::filesystem::path file = folder / "weather.nc";
  double first_hour = 6;

  void write(std::string const& name = "weather.nc") {
    file = folder / name;
    NetcdfWriter out(file, NC_NETCDF4);
    int const time = out.dimension("time", 3);
    int const level = out.dimension("level", 2);
    int const lat = out.dimension("lat", 3);
    int const lon = out.dimension("lon", 4);
    int const times = out.coordinate("time", time, "hours since 2001-02-28");
    out.text(times, "calendar", "360_day");
    int const levels = out.coordinate("level", level, "hPa");
    int const lats = out.coordinate("lat", lat, "degrees_north");
    int const lons = out.coordinate("lon", lon, "degrees_east");
    int const u = out.variable("u", NC_FLOAT, {time, level, lat, lon});
    out.text(u, "units", "m s-1");
    int const w = out.variable("w", NC_DOUBLE, {lat, level, lon, time});
    int const height = out.variable("orography", NC_FLOAT, {lat, lon});
    int const carbon = out.variable("co2", NC_FLOAT, {time});
    out.put(times, count_from(first_hour, 12, 3));
    out.put(levels, {500, 850});
    out.put(lats, {45, 0, -45});
    out.put(lons, {0, 90, 180, 270});
    std::vector<double> us;
    std::vector<double> ws(72);
    for (int t = 0; t < 3; ++t) {
      for (int k = 0; k < 2; ++k) {
        for (int i = 0; i < 3; ++i) {
          for (int j = 0; j < 4; ++j) {
            us.push_back(value_at(t, k, i, j));
            ws[static_cast<size_t>(((i * 2 + k) * 4 + j) * 3 + t)] = -value_at(t, k, i, j);
          }
        }
      }
    }
    out.put(u, us);
    out.put(w, ws);
    out.put(height, count_from(0, 1, 12));
    out.put(carbon, {1, 2, 3});
  }
};

TEST(NetcdfReader, MakesAFieldOfEveryLevel) {
  Weather weather;
  weather.write();
  auto const reader = open_netcdf({.path = weather.file});
  auto const& spec = reader->spec();
  EXPECT_EQ(spec.fields.channel_names(),
            (std::vector<std::string>{"u_500", "u_850", "w_500", "w_850"}));
  EXPECT_EQ(spec.fields.fields()[0].units, "m s-1");
  EXPECT_EQ(spec.constants.channel_names(), (std::vector<std::string>{"orography"}));
  EXPECT_EQ(spec.grid.geometry(), Geometry::lat_lon);
  EXPECT_EQ(spec.grid.shape(), (std::array<int64_t, 3>{1, 3, 4}));
  EXPECT_EQ(spec.grid.axis(1).name, "latitude");
  EXPECT_TRUE(spec.grid.axis(2).is_periodic());
  EXPECT_FALSE(spec.grid.axis(1).is_periodic());
}

TEST(NetcdfReader, ReadsEveryValueWhereverTheFileHoldsTheDimension) {
  Weather weather;
  weather.write();
  auto const reader = open_netcdf({.path = weather.file});
  auto const values = read(*reader, {.count = 3}, whole(*reader));
  auto const a = values.accessor<float, 5>();
  for (int t = 0; t < 3; ++t) {
    for (int k = 0; k < 2; ++k) {
      for (int i = 0; i < 3; ++i) {
        for (int j = 0; j < 4; ++j) {
          EXPECT_EQ(a[t][k][0][i][j], value_at(t, k, i, j));
          EXPECT_EQ(a[t][2 + k][0][i][j], -value_at(t, k, i, j));
        }
      }
    }
  }
}

TEST(NetcdfReader, ReadsOnlyTheBoxAndTheAskedFrames) {
  Weather weather;
  weather.write();
  auto const reader = open_netcdf({.path = weather.file, .fields = {"w_850"}});
  auto const values =
      read(*reader, {.first = 0, .count = 2, .stride = 2}, {.first = {0, 1, 2}, .size = {1, 2, 2}});
  auto const a = values.accessor<float, 5>();
  EXPECT_EQ(a[1][0][0][1][0], -value_at(2, 1, 2, 2));
  EXPECT_EQ(a[0][0][0][0][1], -value_at(0, 1, 1, 3));
  EXPECT_EQ(reader->bytes_read(), 2 * 4 * 8);  // two frames of four cells of float64
}

TEST(NetcdfReader, MakesAnAxisOfLevelsWhereAsked) {
  Weather weather;
  weather.write();
  auto const reader = open_netcdf({.path = weather.file, .fields = {"u"}, .levels = Levels::axis});
  EXPECT_EQ(reader->spec().grid.shape(), (std::array<int64_t, 3>{2, 3, 4}));
  EXPECT_EQ(reader->spec().grid.axis(0).coordinates, (std::vector<double>{500, 850}));
  auto const values = read(*reader, {.first = 1}, whole(*reader));
  EXPECT_EQ((values.accessor<float, 5>()[0][0][1][2][3]), value_at(1, 1, 2, 3));
}

TEST(NetcdfReader, GivesTimesFromTheFirstFrameAndTheDateAsScalars) {
  Weather weather;
  weather.write();
  auto const reader = open_netcdf({.path = weather.file});
  auto const& spec = reader->spec();
  EXPECT_EQ(spec.time_unit, "h");
  EXPECT_EQ(spec.trajectories[0].times, (std::vector<double>{0, 12, 24}));
  EXPECT_EQ(spec.trajectories[0].source, "weather.nc, from 2001-02-28 06:00:00");
  EXPECT_EQ(spec.scalars, (std::vector<std::string>{"hour_of_day", "day_of_year"}));
  auto const scalars = reader->read_scalars({.first = 1, .count = 2});
  auto const a = scalars.accessor<float, 2>();
  EXPECT_EQ(a[0][0], 18);
  EXPECT_EQ(a[0][1], 58);
  EXPECT_EQ(a[1][0], 6);
  EXPECT_EQ(a[1][1], 59);  // the 29th of February of a year with 360 days
}

TEST(NetcdfReader, ReadsConstantsOnTheBox) {
  Weather weather;
  weather.write();
  auto const reader = open_netcdf({.path = weather.file});
  auto const values = reader->read_constants(0, {.first = {0, 2, 1}, .size = {1, 1, 3}});
  EXPECT_TRUE(at::equal(values, at::tensor({9.0F, 10.0F, 11.0F}).view({1, 1, 1, 3})));
}

TEST(NetcdfReader, TellsWhichVariablesItLeftOut) {
  Weather weather;
  weather.write();
  auto const reader = open_netcdf({.path = weather.file, .fields = {"u"}});
  std::string remarks;
  for (auto const& remark : reader->spec().remarks) {
    remarks += remark + "\n";
  }
  EXPECT_NE(remarks.find("'w' is left out"), std::string::npos) << remarks;
  EXPECT_NE(remarks.find("'co2' is left out: it has 0 axes of space"), std::string::npos)
      << remarks;
  EXPECT_NE(
      remarks.find("dates from 2001-02-28 06:00:00 to 2001-02-29 06:00:00 (360_day calendar)"),
      std::string::npos)
      << remarks;
}

TEST(NetcdfReader, RefusesUnknownAndUnfitFieldsByName) {
  Weather weather;
  weather.write();
  auto const unknown =
      message_of<Error>([&] { open_netcdf({.path = weather.file, .fields = {"u_50"}}); });
  EXPECT_NE(unknown.find("has no field 'u_50'; did you mean 'u_500'"), std::string::npos)
      << unknown;
  auto const series =
      message_of<Error>([&] { open_netcdf({.path = weather.file, .fields = {"co2"}}); });
  EXPECT_NE(series.find("'co2' of '"), std::string::npos) << series;
  EXPECT_NE(series.find("cannot be read as a field"), std::string::npos) << series;
  auto const mixed = message_of<Error>([&] {
    open_netcdf({.path = weather.file, .fields = {"u_500", "orography"}});
  });
  EXPECT_NE(mixed.find("have different dimensions"), std::string::npos) << mixed;
}

TEST(NetcdfReader, RefusesFramesAndBoxesOutside) {
  Weather weather;
  weather.write();
  auto const reader = open_netcdf({.path = weather.file});
  auto const out = at::empty({2, 4, 1, 3, 4});
  auto const frames =
      message_of<Error>([&] { reader->read({.first = 2, .count = 2}, whole(*reader), out); });
  EXPECT_NE(frames.find("frames 2 to 3 of trajectory 0 of 'weather', which has 3"),
            std::string::npos)
      << frames;
  auto const box = message_of<Error>([&] {
    reader->read({}, {.first = {0, 1, 0}, .size = {1, 3, 4}}, out);
  });
  EXPECT_NE(box.find("axis H"), std::string::npos) << box;
}

TEST(NetcdfReader, JoinsFilesThatFollowEachOtherInTime) {
  Weather weather;
  weather.first_hour = 42;  // 6, 18, 30 then 42, 54, 66
  weather.write("a_later.nc");
  weather.first_hour = 6;
  weather.write("b_earlier.nc");
  auto const reader = open_netcdf({.path = weather.folder.path(), .fields = {"u_500"}});
  ASSERT_EQ(reader->spec().trajectories.size(), 1U);
  EXPECT_EQ(reader->spec().trajectories[0].times, (std::vector<double>{0, 12, 24, 36, 48, 60}));
  auto const values = read(*reader, {.first = 2, .count = 2}, whole(*reader));
  EXPECT_EQ((values.accessor<float, 5>()[0][0][0][0][0]), value_at(2, 0, 0, 0));
  EXPECT_EQ((values.accessor<float, 5>()[1][0][0][0][0]), value_at(0, 0, 0, 0));
  auto const scalars = reader->read_scalars({.first = 3, .count = 1});
  EXPECT_EQ((scalars.accessor<float, 2>()[0][0]), 18);
}

TEST(NetcdfReader, AMissingFileDividesTheSeries) {
  Weather weather;
  weather.write("a.nc");
  weather.first_hour = 42;
  weather.write("b.nc");
  weather.first_hour = 114;  // nothing at 78, 90 and 102
  weather.write("c.nc");
  auto const reader = open_netcdf({.path = weather.folder.path(), .fields = {"u_500"}});
  ASSERT_EQ(reader->spec().trajectories.size(), 2U);
  EXPECT_EQ(reader->spec().trajectories[0].frames(), 6);
  EXPECT_EQ(reader->spec().trajectories[1].times, (std::vector<double>{108, 120, 132}));
}

TEST(NetcdfReader, MakesTrajectoriesOfFilesThatOverlapAndOfMembers) {
  Weather weather;
  weather.write("a.nc");
  weather.write("b.nc");
  EXPECT_EQ(open_netcdf({.path = weather.folder.path()})->spec().trajectories.size(), 2U);
  TemporaryFolder const folder;
  {
    NetcdfWriter out(folder / "e.nc", 0);
    int const member = out.dimension("member", 2);
    int const time = out.dimension("time", 3);
    int const x = out.dimension("x", 4);
    int const u = out.variable("u", NC_FLOAT, {member, time, x});
    out.put(u, count_from(0, 1, 24));
  }
  auto const reader = open_netcdf({.path = folder / "e.nc"});
  ASSERT_EQ(reader->spec().trajectories.size(), 2U);
  EXPECT_EQ(reader->spec().grid.geometry(), Geometry::cartesian);
  auto const values = read(*reader, {.trajectory = 1, .first = 2}, whole(*reader));
  EXPECT_TRUE(at::equal(values.flatten(), at::tensor({20.0F, 21.0F, 22.0F, 23.0F})));
}

TEST(NetcdfReader, RefusesFilesOfDifferentGrids) {
  Weather weather;
  weather.write("a.nc");
  {
    NetcdfWriter out(weather.folder / "b.nc", 0);
    int const lon = out.dimension("lon", 4);
    int const lat = out.dimension("lat", 2);
    int const u = out.variable("u", NC_FLOAT, {out.dimension("time", 1), lat, lon});
    out.put(u, count_from(0, 1, 8));
  }
  auto const message = message_of<Error>([&] { open_netcdf({.path = weather.folder.path()}); });
  EXPECT_NE(message.find("its axis 'latitude' has 2 points, 'latitude' of the first file has 3"),
            std::string::npos)
      << message;
  EXPECT_NE(message.find("while joining"), std::string::npos) << message;
}

TEST(NetcdfReader, RefusesGridsWithTwoDimensionalCoordinatesAndTellsOfThem) {
  TemporaryFolder const folder;
  {
    NetcdfWriter out(folder / "curved.nc", 0);
    int const time = out.dimension("time", 2);
    int const y = out.dimension("y", 3);
    int const x = out.dimension("x", 4);
    int const t = out.variable("temp", NC_FLOAT, {time, y, x});
    out.text(t, "coordinates", "nav_lat nav_lon");
    int const lat = out.variable("nav_lat", NC_FLOAT, {y, x});
    out.text(lat, "units", "degrees_north");
    int const lon = out.variable("nav_lon", NC_FLOAT, {y, x});
    out.text(lon, "units", "degrees_east");
    out.put(t, count_from(0, 1, 24));
  }
  auto const message = message_of<Error>([&] { open_netcdf({.path = folder / "curved.nc"}); });
  EXPECT_NE(message.find("'temp': it is on a curvilinear grid (2-D coordinates nav_lat, nav_lon)"),
            std::string::npos)
      << message;
  EXPECT_NE(message.find("interpolate it to a latitude-longitude grid first"), std::string::npos)
      << message;
  auto const told = describe_netcdf(folder / "curved.nc");
  EXPECT_NE(told.find("variable temp (time, y, x); not for training"), std::string::npos) << told;
  EXPECT_NE(told.find("netCDF-3 classic"), std::string::npos) << told;
}

TEST(NetcdfReader, RefusesUnstructuredMeshes) {
  TemporaryFolder const folder;
  {
    NetcdfWriter out(folder / "mesh.nc", NC_NETCDF4);
    int const cell = out.dimension("cell", 5);
    int const u = out.variable("u", NC_FLOAT, {out.dimension("time", 2), cell});
    out.text(out.variable("clat", NC_FLOAT, {cell}), "units", "degrees_north");
    out.text(out.variable("clon", NC_FLOAT, {cell}), "units", "degrees_east");
    out.put(u, count_from(0, 1, 10));
  }
  auto const message = message_of<Error>([&] { open_netcdf({.path = folder / "mesh.nc"}); });
  EXPECT_NE(message.find("unstructured mesh (dimension cell)"), std::string::npos) << message;
}

TEST(NetcdfReader, ReadsAFileWithoutTimeAsOneFrame) {
  TemporaryFolder const folder;
  {
    NetcdfWriter out(folder / "one.nc", 0);
    int const x = out.dimension("x", 3);
    int const t = out.variable("time", NC_DOUBLE, {});
    out.text(t, "units", "days since 2020-01-01");
    int const u = out.variable("u", NC_FLOAT, {x});
    out.put(t, {31});
    out.put(u, {1, 2, 3});
  }
  auto const reader = open_netcdf({.path = folder / "one.nc"});
  EXPECT_EQ(reader->spec().trajectories[0].frames(), 1);
  EXPECT_EQ(reader->spec().trajectories[0].source, "one.nc, from 2020-02-01 00:00:00");
}

}  // namespace
}  // namespace eddyline
