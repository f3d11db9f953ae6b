#include "workflows/metrics/spectrum.hpp"

#include <cmath>
#include <numbers>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace eddyline {
namespace {

constexpr double kRoundOff = 1e-12;

Axis line(std::string const& name, int64_t n, double length, Boundary boundary) {
  Axis axis{.name = name, .boundaries = {boundary, boundary}};
  axis.coordinates.clear();
  for (int64_t i = 0; i < n; ++i) {
    axis.coordinates.push_back(length * (static_cast<double>(i) + 0.5) / static_cast<double>(n));
  }
  return axis;
}

Axis stretched(std::string const& name, int64_t n) {
  auto axis = line(name, n, 1.0, Boundary::wall);
  for (auto& x : axis.coordinates) {
    x = x * x;
  }
  return axis;
}

at::Tensor noise(std::vector<int64_t> const& shape) {
  auto const n = at::arange(at::zeros(shape).numel(), at::kDouble);
  return at::frac(at::sin(n * 12.9898) * 43758.5453).view(shape);
}

double mean_square(at::Tensor const& values) {
  return values.square().mean().item<double>();
}

TEST(RadialPowerSpectrum, ObeysParsevalOnPeriodicAxes) {
  Grid const grid({line("x", 6, 1, Boundary::periodic),
                   line("y", 5, 2, Boundary::periodic),
                   line("z", 8, 3, Boundary::periodic)});
  auto const values = noise({2, 6, 5, 8});
  auto const spectrum = radial_power_spectrum(values, grid);
  EXPECT_NEAR(spectrum.power[1].sum().item<double>(), mean_square(values[1]), kRoundOff);
}

TEST(RadialPowerSpectrum, ObeysParsevalWithACosineTransform) {
  Grid const grid({line("x", 6, 1, Boundary::periodic), line("y", 7, 2, Boundary::wall)});
  auto const values = noise({1, 6, 7});
  EXPECT_NEAR(radial_power_spectrum(values, grid).power.sum().item<double>(),
              mean_square(values),
              kRoundOff);
}

TEST(RadialPowerSpectrum, AveragesStretchedAxesByVolume) {
  Grid const grid({stretched("x", 5), line("y", 8, 2, Boundary::periodic)});
  auto const values = noise({1, 5, 8});
  auto const weights = at::tensor(grid.axis(1).cell_lengths(), at::kDouble).view({1, 5, 1});
  auto const expected = ((values.square() * weights).sum() / (weights.sum() * 8)).item<double>();
  EXPECT_NEAR(radial_power_spectrum(values, grid).power.sum().item<double>(), expected, kRoundOff);
}

TEST(RadialPowerSpectrum, PutsAWaveIntoItsShell) {
  Grid const grid({line("x", 32, 2.0, Boundary::periodic)});
  auto const x = at::tensor(grid.axis(2).coordinates, at::kDouble).view({1, 1, 32});
  auto const k = 3 * 2 * std::numbers::pi / 2.0;  // three waves in the domain
  auto const spectrum = radial_power_spectrum(2.0 * at::sin(k * x), grid);
  EXPECT_NEAR(spectrum.wavenumbers[3], k, kRoundOff);
  EXPECT_NEAR(spectrum.power[3].item<double>(), 2.0, kRoundOff);  // mean square of 2 sin
  EXPECT_NEAR(spectrum.power.sum().item<double>(), 2.0, kRoundOff);
}

TEST(RadialPowerSpectrum, PutsAWallModeIntoItsShell) {
  Grid const grid({line("x", 16, 1.0, Boundary::wall)});
  auto const x = at::tensor(grid.axis(2).coordinates, at::kDouble).view({1, 1, 16});
  auto const spectrum = radial_power_spectrum(at::cos(5 * std::numbers::pi * x), grid);
  EXPECT_NEAR(spectrum.power[5].item<double>(), 0.5, kRoundOff);
}

/// Six rows of latitude and eight of longitude [degrees].
Grid globe() {
  Axis latitude{
      .name = "latitude", .coordinates = {75, 45, 15, -15, -45, -75}, .units = "degrees_north"};
  auto longitude = line("longitude", 8, 360, Boundary::periodic);
  longitude.units = "degrees_east";
  return Grid({latitude, longitude}, Geometry::lat_lon);
}

TEST(RadialPowerSpectrum, OnTheGlobeIsZonalAndAveragedByArea) {
  auto const grid = globe();
  auto const longitude =
      at::tensor(grid.axis(2).coordinates, at::kDouble).view({1, 1, 8}) * (std::numbers::pi / 180);
  // Three waves around the pole and one around the equator: rows 0 and 2.
  auto values = at::zeros({1, 6, 8}, at::kDouble);
  values.select(1, 0).copy_(at::sin(3 * longitude).view({1, 8}));
  values.select(1, 2).copy_(at::sin(longitude).view({1, 8}));
  auto const spectrum = radial_power_spectrum(values, grid);
  ASSERT_EQ(spectrum.wavenumbers.size(), 5U);
  EXPECT_NEAR(spectrum.wavenumbers[1], 2 * std::numbers::pi / 360, kRoundOff);
  auto const sine = [](double degrees) { return std::sin(degrees * std::numbers::pi / 180); };
  auto const polar = (1 - sine(60)) / 2;  // shares of the sphere's area
  auto const equatorial = (sine(30) - 0) / 2;
  EXPECT_NEAR(spectrum.power[3].item<double>(), 0.5 * polar, kRoundOff);
  EXPECT_NEAR(spectrum.power[1].item<double>(), 0.5 * equatorial, kRoundOff);
  EXPECT_NEAR(spectrum.power.sum().item<double>(), 0.5 * (polar + equatorial), kRoundOff);
}

TEST(RadialPowerSpectrum, ObeysParsevalByAreaOnTheGlobe) {
  auto const grid = globe();
  auto const values = noise({1, 6, 8});
  auto const area = at::tensor(grid.cell_weights()[1], at::kDouble).view({1, 6, 1});
  EXPECT_NEAR(radial_power_spectrum(values, grid).power.sum().item<double>(),
              ((values.square() * area).sum() / (area.sum() * 8)).item<double>(),
              kRoundOff);
}

TEST(RadialPowerSpectrum, SaysWhatItDoesToEachAxis) {
  Grid const grid(
      {stretched("x", 5), line("y", 8, 2, Boundary::periodic), line("z", 8, 2, Boundary::wall)});
  EXPECT_EQ(describe_transforms(grid),
            "x: not transformed (stretched), energy averaged by volume; y: Fourier (periodic); z: "
            "cosine transform (not periodic)");
  EXPECT_EQ(
      describe_transforms(globe()),
      "latitude: not transformed (on a sphere), energy averaged by volume; longitude: Fourier "
      "(periodic)");
}

}  // namespace
}  // namespace eddyline
