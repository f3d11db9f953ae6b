// Real climate files (not part of the project): values computed with netCDF4 1.7 and cftime 1.6.
#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "data/formats/netcdf_reader.hpp"
#include "tests/data/formats/netcdf_fixture.hpp"
#include "tests/places.hpp"

namespace eddyline {
namespace {

constexpr double kFloat = 1e-6;   // relative: float32 of a value of order one
constexpr double kPacked = 4e-3;  // absolute: float32 of a geopotential of 1e5
constexpr double kMean = 1e-4;    // absolute: float64 mean of float32 values of order 300

std::filesystem::path climate(std::string const& name) {
  return source_folder() / "../shared/data/climate" / name;
}

class ClimateFiles : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(climate("era5_t2m_2019-03.nc"))) {
      GTEST_SKIP() << "the climate files are not in " << climate("").string();
    }
  }
};

at::Tensor read_all(Reader& reader) {
  auto const& spec = reader.spec();
  auto const shape = spec.grid.shape();
  auto const frames = spec.trajectories[0].frames();
  auto const out = at::empty({frames, spec.fields.channels(), shape[0], shape[1], shape[2]});
  reader.read({.count = frames}, {.size = shape}, out);
  return out;
}

double at_index(at::Tensor const& values, std::array<int64_t, 4> const& i) {
  return values[i[0]][i[1]][0][i[2]][i[3]].item<double>();
}

double mean_of(at::Tensor const& values) {
  return at::nanmean(values.to(at::kDouble)).item<double>();
}

TEST_F(ClimateFiles, Era5IsRead) {
  auto const reader = open_netcdf({.path = climate("era5_t2m_2019-03.nc")});
  auto const& spec = reader->spec();
  EXPECT_EQ(spec.fields.channel_names(), std::vector<std::string>{"t2m"});
  EXPECT_EQ(spec.grid.shape(), (std::array<int64_t, 3>{1, 33, 49}));
  EXPECT_EQ(spec.grid.geometry(), Geometry::lat_lon);
  EXPECT_EQ(spec.grid.axis(1).coordinates.front(), 58);
  EXPECT_EQ(spec.grid.axis(1).spacing(), -0.25);
  EXPECT_FALSE(spec.grid.axis(2).is_periodic());
  EXPECT_EQ(spec.time_unit, "h");
  EXPECT_EQ(spec.trajectories[0].times.back(), 743);
  EXPECT_EQ(spec.trajectories[0].source, "era5_t2m_2019-03.nc, from 2019-03-01 00:00:00");
  auto const values = read_all(*reader);
  EXPECT_DOUBLE_EQ(at_index(values, {0, 0, 0, 0}), 282.4248046875);
  EXPECT_DOUBLE_EQ(at_index(values, {5, 0, 3, 7}), 281.9425048828125);
  EXPECT_DOUBLE_EQ(at_index(values, {743, 0, 32, 48}), 281.454833984375);
  EXPECT_NEAR(mean_of(values), 280.7740585847981, kMean);
  auto const scalars = reader->read_scalars({.first = 743});
  EXPECT_EQ(scalars[0][0].item<float>(), 23);
  EXPECT_EQ(scalars[0][1].item<float>(), 90);
}

TEST_F(ClimateFiles, ScenariosInTheCalendarOf360DaysAreRead) {
  auto const reader = open_netcdf({.path = climate("A1B_north_america.nc")});
  EXPECT_EQ(reader->spec().trajectories[0].times.back(), 2064960);
  EXPECT_EQ(reader->spec().trajectories[0].source,
            "A1B_north_america.nc, from 1860-06-01 00:00:00");
  EXPECT_EQ(reader->read_scalars({.first = 239})[0][1].item<float>(), 151);
  auto const values = read_all(*reader);
  EXPECT_DOUBLE_EQ(at_index(values, {5, 0, 3, 7}), 294.884765625);
  EXPECT_NEAR(mean_of(values), 286.4776362867122, kMean);
  auto const other = open_netcdf({.path = climate("E1_north_america.nc")});
  EXPECT_NEAR(mean_of(read_all(*other)), 286.0357961101641, kMean);
  auto const both = open_netcdf({.path = climate("*_north_america.nc")});
  EXPECT_EQ(both->spec().trajectories.size(), 2U);
}

TEST_F(ClimateFiles, SeaSurfaceHasLandAsNaNAndPeriodicLongitudes) {
  auto const reader = open_netcdf({.path = climate("ostia_monthly.nc")});
  EXPECT_TRUE(reader->spec().grid.axis(2).is_periodic());
  auto const values = read_all(*reader);
  EXPECT_EQ(at::isnan(values).sum().item<int64_t>(), 110970);
  EXPECT_NEAR(mean_of(values), 300.808438158795, kMean);
  EXPECT_DOUBLE_EQ(at_index(values, {5, 0, 3, 7}), 297.2154846191406);
  EXPECT_EQ(reader->spec().trajectories[0].times.back(), 38736);
}

TEST_F(ClimateFiles, PackedPressureLevelsAreRead) {
  auto const reader = open_netcdf({.path = climate("erainterim_uvz_months.nc")});
  auto const& spec = reader->spec();
  EXPECT_EQ(spec.fields.channel_names(),
            (std::vector<std::string>{
                "z_200", "z_500", "z_850", "u_200", "u_500", "u_850", "v_200", "v_500", "v_850"}));
  EXPECT_TRUE(spec.grid.axis(2).is_periodic());
  EXPECT_EQ(spec.time_unit, "month");
  EXPECT_EQ(spec.trajectories[0].times, (std::vector<double>{0, 6}));
  auto const values = read_all(*reader);
  EXPECT_NEAR(at_index(values, {0, 0, 0, 0}), 106837.51210858817, kPacked);
  EXPECT_NEAR(at_index(values, {1, 1, 120, 33}), 57431.00041201245, kPacked);
  EXPECT_NEAR(at_index(values, {1, 5, 240, 479}), 3.5385918329976214, 4 * kFloat);
  EXPECT_NEAR(at_index(values, {1, 7, 120, 33}), -0.5154991073063542, kFloat);
  EXPECT_NEAR(mean_of(values.narrow(1, 3, 3)), 6.941047864317107, kMean);
  EXPECT_EQ(at::isnan(values).sum().item<int64_t>(), 0);
}

TEST_F(ClimateFiles, CurvilinearAndRotatedGridsAreToldAndRefused) {
  auto const ocean = message_of<Error>([] { open_netcdf({.path = climate("orca2_votemper.nc")}); });
  EXPECT_NE(
      ocean.find("'votemper': it is on a curvilinear grid (2-D coordinates nav_lat, nav_lon)"),
      std::string::npos)
      << ocean;
  auto const rotated = message_of<Error>([] { open_netcdf({.path = climate("rotated_pole.nc")}); });
  EXPECT_NE(rotated.find("it is on a rotated-pole grid (axis grid_latitude)"), std::string::npos)
      << rotated;
  EXPECT_NE(describe_netcdf(climate("rotated_pole.nc")).find("latitude of a rotated pole"),
            std::string::npos);
  EXPECT_NE(describe_netcdf(climate("orca2_votemper.nc"))
                .find("votemper (dim0, dim1) [degC]; not for training"),
            std::string::npos);
}

}  // namespace
}  // namespace eddyline
