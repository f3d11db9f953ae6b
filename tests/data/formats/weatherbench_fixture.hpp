#pragma once

#include "tests/data/formats/netcdf_fixture.hpp"

namespace eddyline {

/// One year of one variable on 2 x 4 cells, hours from the year's beginning.
struct WeatherYear {
  std::string code;            ///< name in the file
  std::vector<double> levels;  ///< hPa; empty: none
  int year = 1979;
  double first_hour = 0;
  size_t frames = 3;
  double step = 1;
  size_t rows = 2;
};

/// Value of an hour, level and cell, counted from the beginning of the year.
inline double weather_value(WeatherYear const& of, size_t frame, size_t level, size_t cell) {
  return of.year * 1000.0 + (of.first_hour + of.step * static_cast<double>(frame)) * 100 +
         static_cast<double>(level) * 10 + static_cast<double>(cell);
}

inline void write_weather(std::filesystem::path const& path, WeatherYear const& of) {
  std::filesystem::create_directories(path.parent_path());
  NetcdfWriter out(path, NC_NETCDF4);
  int const time = out.dimension("time", of.frames);
  int const level = of.levels.empty() ? -1 : out.dimension("level", of.levels.size());
  int const lat = out.dimension("lat", of.rows);
  int const lon = out.dimension("lon", 4);
  int const times =
      out.coordinate("time", time, "hours since " + std::to_string(of.year) + "-01-01");
  int const levels = level < 0 ? -1 : out.coordinate("level", level, "millibars");
  int const lats = out.coordinate("lat", lat, "degrees_north");
  int const lons = out.coordinate("lon", lon, "degrees_east");
  auto const values = level < 0 ? out.variable(of.code, NC_FLOAT, {time, lat, lon})
                                : out.variable(of.code, NC_FLOAT, {time, level, lat, lon});
  out.text(values, "units", of.code == "z" ? "m**2 s**-2" : "K");
  out.put(times, count_from(of.first_hour, of.step, of.frames));
  if (level >= 0) {
    out.put(levels, of.levels);
  }
  out.put(lats, count_from(-45, 90, of.rows));
  out.put(lons, {0, 90, 180, 270});
  std::vector<double> all;
  for (size_t t = 0; t < of.frames; ++t) {
    for (size_t k = 0; k < std::max<size_t>(1, of.levels.size()); ++k) {
      for (size_t cell = 0; cell < 4 * of.rows; ++cell) {
        all.push_back(weather_value(of, t, k, cell));
      }
    }
  }
  out.put(values, all);
}

inline void write_weather_constants(std::filesystem::path const& path) {
  std::filesystem::create_directories(path.parent_path());
  NetcdfWriter out(path, NC_NETCDF4);
  int const lat = out.dimension("lat", 2);
  int const lon = out.dimension("lon", 4);
  int const lats = out.coordinate("lat", lat, "degrees_north");
  int const lons = out.coordinate("lon", lon, "degrees_east");
  int const mask = out.variable("lsm", NC_FLOAT, {lat, lon});
  int const height = out.variable("orography", NC_FLOAT, {lat, lon});
  out.put(lats, {-45, 45});
  out.put(lons, {0, 90, 180, 270});
  out.put(mask, count_from(0, 0.125, 8));
  out.put(height, count_from(0, 100, 8));
}

}  // namespace eddyline
