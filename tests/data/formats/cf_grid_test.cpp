#include "data/formats/cf_grid.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/data/formats/netcdf_fixture.hpp"

namespace eddyline {
namespace {

Axis axis_named(NetcdfFile const& file, std::string const& name) {
  for (auto const& dimension : classify_dimensions(file)) {
    if (dimension.name == name) {
      return make_axis(file, dimension);
    }
  }
  throw std::runtime_error("no dimension " + name);
}

std::string roles(NetcdfFile const& file) {
  std::string text;
  for (auto const& dimension : classify_dimensions(file)) {
    text += "tmlyxYXs"[static_cast<int>(dimension.role)];
  }
  return text;
}

TEST(ClassifyDimensions, FindsRolesByUnitsStandardNameAxisAndName) {
  TemporaryFolder const folder;
  {
    NetcdfWriter out(folder / "r.nc", NC_NETCDF4);
    out.coordinate("a", out.dimension("a", 2), "degrees_north");
    out.coordinate("b", out.dimension("b", 2), "degreeE");
    out.coordinate("c", out.dimension("c", 2), "days since 2000-01-01");
    out.coordinate("d", out.dimension("d", 2), "hPa");
    out.text(out.coordinate("e", out.dimension("e", 2), "1"), "standard_name", "realization");
    out.text(out.coordinate("f", out.dimension("f", 2), "m"), "positive", "down");
    out.text(
        out.coordinate("g", out.dimension("g", 2), "degrees"), "standard_name", "grid_latitude");
    out.text(out.coordinate("h", out.dimension("h", 2), "m"), "axis", "X");
    out.text(out.coordinate("i", out.dimension("i", 2), "degrees"), "standard_name", "latitude");
    out.dimension("lon", 2);
    out.dimension("member", 2);
    out.dimension("time", 2);
    out.dimension("j", 2);
    out.dimension("record", NC_UNLIMITED);
  }
  EXPECT_EQ(roles(NetcdfFile(folder / "r.nc")), "yxtlmlYsyxmtst");
}

TEST(MakeAxis, KeepsDescendingLatitudesAndTakesEdgesFromBounds) {
  TemporaryFolder const folder;
  {
    NetcdfWriter out(folder / "b.nc", 0);
    int const lat = out.dimension("lat", 3);
    int const two = out.dimension("bnds", 2);
    int const var = out.coordinate("lat", lat, "degrees_north");
    out.text(var, "bounds", "lat_bnds");
    int const bounds = out.variable("lat_bnds", NC_DOUBLE, {lat, two});
    out.put(var, {60, 20, -10});
    out.put(bounds, {40, 90, 0, 40, -20, 0});  // ascending pairs on a descending axis
  }
  auto const axis = axis_named(NetcdfFile(folder / "b.nc"), "lat");
  EXPECT_EQ(axis.name, "latitude");
  EXPECT_EQ(axis.units, "degrees_north");
  EXPECT_EQ(axis.coordinates, (std::vector<double>{60, 20, -10}));
  EXPECT_EQ(axis.edges, (std::vector<double>{90, 40, 0, -20}));
}

TEST(MakeAxis, LeavesOutBoundsThatNeighboursDoNotShare) {
  TemporaryFolder const folder;
  {
    NetcdfWriter out(folder / "b.nc", 0);
    int const x = out.dimension("x", 2);
    int const var = out.coordinate("x", x, "m");
    out.text(var, "bounds", "x_bnds");
    int const bounds = out.variable("x_bnds", NC_DOUBLE, {x, out.dimension("bnds", 2)});
    out.put(var, {0, 1});
    out.put(bounds, {-0.4, 0.4, 0.6, 1.4});
  }
  EXPECT_TRUE(axis_named(NetcdfFile(folder / "b.nc"), "x").edges.empty());
}

Axis longitudes(std::vector<double> const& values) {
  TemporaryFolder const folder;
  {
    NetcdfWriter out(folder / "l.nc", 0);
    int const var = out.coordinate("lon", out.dimension("lon", values.size()), "degrees_east");
    out.put(var, values);
  }
  return axis_named(NetcdfFile(folder / "l.nc"), "lon");
}

TEST(MakeAxis, IsPeriodicWhereLongitudesCoverTheCircleOnce) {
  EXPECT_TRUE(longitudes(count_from(-180, 30, 12)).is_periodic());
  EXPECT_TRUE(longitudes(count_from(345, -30, 12)).is_periodic());
  EXPECT_FALSE(longitudes(count_from(0, 30, 11)).is_periodic());
  EXPECT_FALSE(longitudes(count_from(0, 30, 13)).is_periodic());  // the first meridian comes twice
}

TEST(MakeAxis, RefusesMissingCoordinates) {
  auto const message = message_of<Error>([] { longitudes({0, NC_FILL_DOUBLE, 2}); });
  EXPECT_NE(message.find("coordinate 'lon'"), std::string::npos) << message;
  EXPECT_NE(message.find("is missing or not finite at 1"), std::string::npos) << message;
}

TEST(LevelNames, GivesPressuresInHectopascal) {
  TemporaryFolder const folder;
  {
    NetcdfWriter out(folder / "p.nc", NC_NETCDF4);
    int const pascal = out.coordinate("plev", out.dimension("plev", 3), "Pa");
    int const height = out.coordinate("height", out.dimension("height", 2), "m");
    out.put(pascal, {100000, 85000, 1050});
    out.put(height, {2, 10.5});
  }
  NetcdfFile const file(folder / "p.nc");
  auto const dimensions = classify_dimensions(file);
  EXPECT_EQ(level_names(file, dimensions[0]), (std::vector<std::string>{"1000", "850", "10.5"}));
  EXPECT_EQ(level_names(file, dimensions[1]), (std::vector<std::string>{"2", "10.5"}));
}

}  // namespace
}  // namespace eddyline
