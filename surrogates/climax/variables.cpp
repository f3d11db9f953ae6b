#include "surrogates/climax/variables.hpp"

#include <algorithm>
#include <map>

#include "core/error.hpp"
#include "core/nearest.hpp"

namespace eddyline {
namespace {

std::map<std::string, std::string> const kLongNames = {{"t2m", "2m_temperature"},
                                                       {"u10", "10m_u_component_of_wind"},
                                                       {"v10", "10m_v_component_of_wind"},
                                                       {"msl", "mean_sea_level_pressure"},
                                                       {"sp", "surface_pressure"},
                                                       {"tisr", "toa_incident_solar_radiation"},
                                                       {"tp", "total_precipitation"},
                                                       {"lsm", "land_sea_mask"},
                                                       {"lat2d", "lattitude"},
                                                       {"latitude", "lattitude"},
                                                       {"z", "geopotential"},
                                                       {"u", "u_component_of_wind"},
                                                       {"v", "v_component_of_wind"},
                                                       {"t", "temperature"},
                                                       {"r", "relative_humidity"},
                                                       {"q", "specific_humidity"}};

/// Whether the name ends with an underscore and a number; `base` is what comes before.
bool has_level(std::string const& name, std::string& base) {
  auto const at = name.rfind('_');
  if (at == std::string::npos || at + 1 == name.size() ||
      name.find_first_not_of("0123456789", at + 1) != std::string::npos) {
    return false;
  }
  base = name.substr(0, at);
  return true;
}

int64_t place_of(std::vector<std::string> const& variables, std::string const& name) {
  auto const same = std::find(variables.begin(), variables.end(), name);
  if (same != variables.end()) {
    return same - variables.begin();
  }
  auto const wanted = long_variable_name(name);
  for (size_t i = 0; i < variables.size(); ++i) {
    if (long_variable_name(variables[i]) == wanted) {
      return static_cast<int64_t>(i);
    }
  }
  return -1;
}

}  // namespace

std::vector<std::string> published_variables() {
  std::vector<std::string> names = {"land_sea_mask",
                                    "orography",
                                    "lattitude",
                                    "2m_temperature",
                                    "10m_u_component_of_wind",
                                    "10m_v_component_of_wind"};
  for (auto const* family : {"geopotential",
                             "u_component_of_wind",
                             "v_component_of_wind",
                             "temperature",
                             "relative_humidity",
                             "specific_humidity"}) {
    for (auto const level : {50, 250, 500, 600, 700, 850, 925}) {
      names.push_back(concat(family, "_", level));
    }
  }
  return names;
}

std::vector<std::string> climatebench_variables() {
  return {"CO2", "SO2", "CH4", "BC"};
}

std::string long_variable_name(std::string const& name) {
  auto const whole = kLongNames.find(name);
  if (whole != kLongNames.end()) {
    return whole->second;
  }
  std::string base;
  if (has_level(name, base) && kLongNames.contains(base)) {
    return kLongNames.at(base) + name.substr(base.size());
  }
  return name;
}

std::vector<int64_t> find_variables(std::vector<std::string> const& variables,
                                    std::vector<std::string> const& wanted,
                                    std::string const& what) {
  std::vector<int64_t> places;
  for (auto const& name : wanted) {
    auto const place = place_of(variables, name);
    require(place >= 0,
            "the model has no variable for ",
            what,
            " '",
            name,
            "'",
            did_you_mean(name, variables),
            "; choose fields that it knows, or list yours in model.variables (empty: those of the "
            "data)");
    require(std::find(places.begin(), places.end(), place) == places.end(),
            what,
            " '",
            name,
            "' is the variable '",
            variables[static_cast<size_t>(place)],
            "', which is there already; leave one of them out");
    places.push_back(place);
  }
  return places;
}

}  // namespace eddyline
