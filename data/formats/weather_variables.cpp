#include "data/formats/weather_variables.hpp"

#include <algorithm>
#include <vector>

namespace eddyline {
namespace {

// 'lattitude' is spelled as ClimaX does. Standard names: CF table 85.
std::vector<WeatherVariable> const kVariables = {
    {"2m_temperature", "t2m", "K", "air_temperature"},
    {"10m_u_component_of_wind", "u10", "m s-1", "eastward_wind"},
    {"10m_v_component_of_wind", "v10", "m s-1", "northward_wind"},
    {"mean_sea_level_pressure", "msl", "Pa", "air_pressure_at_mean_sea_level"},
    {"surface_pressure", "sp", "Pa", "surface_air_pressure"},
    {"toa_incident_solar_radiation", "tisr", "J m-2", ""},
    {"total_precipitation", "tp", "m", "lwe_thickness_of_precipitation_amount"},
    {"land_sea_mask", "lsm", "1", "land_binary_mask"},
    {"orography", "orography", "m", "surface_altitude"},
    {"lattitude", "lat2d", "degrees", ""},
    {"lattitude", "latitude", "degrees", ""},
    {"geopotential", "z", "m2 s-2", "geopotential"},
    {"u_component_of_wind", "u", "m s-1", "eastward_wind"},
    {"v_component_of_wind", "v", "m s-1", "northward_wind"},
    {"temperature", "t", "K", "air_temperature"},
    {"relative_humidity", "r", "%", "relative_humidity"},
    {"specific_humidity", "q", "kg kg-1", "specific_humidity"},
};

WeatherVariable const* find_exactly(std::string const& name) {
  auto const found = std::find_if(kVariables.begin(), kVariables.end(), [&](auto const& one) {
    return one.long_name == name || one.short_name == name;
  });
  return found == kVariables.end() ? nullptr : &*found;
}

/// The name without the level at its end.
std::string base_of(std::string const& name) {
  auto const level = level_of_name(name);
  return level.empty() ? name : name.substr(0, name.size() - level.size() - 1);
}

}  // namespace

std::string level_of_name(std::string const& name) {
  auto const at = name.rfind('_');
  bool const has_level = at != std::string::npos && at > 0 && at + 1 < name.size() &&
                         name.find_first_not_of("0123456789", at + 1) == std::string::npos;
  return has_level ? name.substr(at + 1) : "";
}

WeatherVariable const* find_weather_variable(std::string const& name) {
  auto const* whole = find_exactly(name);
  return whole != nullptr ? whole : find_exactly(base_of(name));
}

std::string long_variable_name(std::string const& name) {
  auto const* found = find_weather_variable(name);
  if (found == nullptr) {
    return name;
  }
  auto const level = find_exactly(name) != nullptr ? "" : level_of_name(name);
  return level.empty() ? found->long_name : found->long_name + "_" + level;
}

bool is_constant_of_weather(std::string const& name) {
  auto const full = long_variable_name(name);
  return full == "land_sea_mask" || full == "orography" || full == "lattitude";
}

}  // namespace eddyline
