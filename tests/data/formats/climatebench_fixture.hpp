// Simulations in ClimateBench's form, made up.
#pragma once

#include <filesystem>
#include <string>

#include "core/error.hpp"
#include "data/formats/registry.hpp"
#include "tests/data/formats/netcdf_fixture.hpp"
#include "tests/message_of.hpp"

namespace eddyline {

constexpr size_t kClimateCells = 8;
constexpr double kSecondsOfDay = 86400;

/// Simulation files in ClimateBench's form: years without units, members before time.
struct ClimateFiles {
  TemporaryFolder folder;

  void inputs(std::string const& name, double first, size_t years) const {
    auto const path = folder / (name + ".nc");
    std::filesystem::create_directories(path.parent_path());
    NetcdfWriter out(path, NC_NETCDF4);
    int const time = out.dimension("time", years);
    int const lat = out.dimension("latitude", 2);
    int const lon = out.dimension("longitude", 4);
    int const times = out.coordinate("time", time, "");
    int const lats = out.coordinate("latitude", lat, "degrees_north");
    int const lons = out.coordinate("longitude", lon, "degrees_east");
    int const carbon = out.variable("CO2", NC_DOUBLE, {time});
    int const sulphur = out.variable("SO2", NC_DOUBLE, {time, lat, lon});
    out.put(times, count_from(first, 1, years));
    out.put(lats, {-45, 45});
    out.put(lons, {0, 90, 180, 270});
    out.put(carbon, count_from(first, 1, years));
    out.put(sulphur, count_from(0, 1, years * kClimateCells));
  }
  void outputs(std::string const& name, double first, size_t years, size_t rows = 2) const {
    NetcdfWriter out(folder / (name + ".nc"), NC_NETCDF4);
    int const member = out.dimension("member", 2);
    int const time = out.dimension("time", years);
    int const lon = out.dimension("lon", 4);
    int const lat = out.dimension("lat", rows);
    int const times = out.coordinate("time", time, "");
    int const lats = out.coordinate("lat", lat, "degrees_north");
    int const lons = out.coordinate("lon", lon, "degrees_east");
    int const tas = out.variable("tas", NC_FLOAT, {member, time, lat, lon});
    int const pr = out.variable("pr", NC_FLOAT, {member, time, lon, lat});
    out.put(times, count_from(first, 1, years));
    out.put(lats, count_from(-45, 90, rows));
    out.put(lons, {0, 90, 180, 270});
    out.put(tas, count_from(0, 1, 2 * years * 4 * rows));
    out.put(pr, count_from(0, 1 / kSecondsOfDay, 2 * years * 4 * rows));
  }
  void simulation(std::string const& folder_name,
                  std::string const& name,
                  double first,
                  size_t years) const {
    inputs(folder_name + "/inputs_" + name, first, years);
    outputs(folder_name + "/outputs_" + name, first, years);
  }
  void all() const {
    simulation("train_val", "historical", 1990, 25);
    simulation("train_val", "ssp126", 2015, 6);
    simulation("train_val", "ssp370", 2015, 6);
    simulation("test", "ssp245", 2015, 40);
  }
  std::unique_ptr<Reader> open(OpenRequest request = {}) const {
    request.path = folder.path();
    return open_reader("auto", request);
  }
  std::string refusal(OpenRequest const& request = {}) const {
    return message_of<Error>([&] { open(request); });
  }
};

}  // namespace eddyline
