#include "surrogates/climax/variables.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/nearest.hpp"
#include "data/formats/weather_variables.hpp"

namespace eddyline {
namespace {

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
