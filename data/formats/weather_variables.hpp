#pragma once

#include <string>

namespace eddyline {

/// A variable of weather data as ECMWF's ERA5 and what is made of it (WeatherBench, ClimaX) name
/// it.
struct WeatherVariable {
  std::string long_name;      ///< "geopotential"
  std::string short_name;     ///< "z"
  std::string units;          ///< of the values, as CF writes them: "m2 s-2"
  std::string standard_name;  ///< of CF; "" where it has none
};

/// By long name or short code, with or without a level: "z", "z_500", "geopotential_500".
/// \return  null if it is none that is known
WeatherVariable const* find_weather_variable(std::string const& name);

/// The long name of a short code: t2m → 2m_temperature, z_500 → geopotential_500. Other names are
/// given back as they are.
std::string long_variable_name(std::string const& name);

/// The level at the end of a name, in hPa: "500" of "z_500"; "" if there is none.
std::string level_of_name(std::string const& name);

/// True for what ClimaX's data store for every time though it does not change: land-sea mask,
/// orography and latitude.
bool is_constant_of_weather(std::string const& name);

}  // namespace eddyline
