#include "data/formats/cf_grid.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <set>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/formats/cf_time.hpp"

namespace eddyline {
namespace {

constexpr double kTurn = 360;
constexpr double kTurnTolerance =
    0.02;  // of a cell: float32 longitudes of 1e4 cells keep this much
constexpr double kEdgeTolerance = 1e-4;  // of a cell, for bounds that neighbours share

using Names = std::set<std::string>;

Names const kNorth = {
    "degrees_north", "degree_north", "degree_n", "degrees_n", "degreen", "degreesn"};
Names const kEast = {"degrees_east", "degree_east", "degree_e", "degrees_e", "degreee", "degreese"};
Names const kPressures = {
    "pa", "hpa", "mbar", "mb", "millibar", "millibars", "bar", "dbar", "decibar", "kpa"};
Names const kLevelNames = {"air_pressure",
                           "altitude",
                           "height",
                           "depth",
                           "model_level_number",
                           "geopotential_height",
                           "sea_water_pressure"};
Names const kTimes = {"time", "t", "valid_time", "month", "year", "step", "frame"};
Names const kMembers = {
    "member", "ensemble", "realization", "number", "ens", "run", "sample", "trajectory"};
Names const kLevels = {"level",
                       "lev",
                       "plev",
                       "pressure",
                       "pressure_level",
                       "isobaricinhpa",
                       "height",
                       "depth",
                       "altitude"};
Names const kLatitudes = {"lat", "latitude", "nav_lat"};
Names const kLongitudes = {"lon", "long", "longitude", "nav_lon"};

bool is_latitude(NetcdfVariable const& variable) {
  return kNorth.contains(lower_case(variable.text("units"))) ||
         variable.text("standard_name") == "latitude";
}
bool is_longitude(NetcdfVariable const& variable) {
  return kEast.contains(lower_case(variable.text("units"))) ||
         variable.text("standard_name") == "longitude";
}

CfRole role_by_name(NetcdfDimension const& dimension) {
  auto const name = lower_case(dimension.name);
  return kTimes.contains(name)        ? CfRole::time
         : kMembers.contains(name)    ? CfRole::member
         : kLevels.contains(name)     ? CfRole::level
         : kLatitudes.contains(name)  ? CfRole::latitude
         : kLongitudes.contains(name) ? CfRole::longitude
         : dimension.is_unlimited     ? CfRole::time
                                      : CfRole::space;
}

CfRole role_of(NetcdfDimension const& dimension, NetcdfVariable const* coordinate) {
  if (coordinate == nullptr) {
    return role_by_name(dimension);
  }
  auto const units = coordinate->text("units");
  auto const name = coordinate->text("standard_name");
  auto const axis = coordinate->text("axis");
  if (name == "grid_latitude" || name == "grid_longitude") {
    return name == "grid_latitude" ? CfRole::rotated_latitude : CfRole::rotated_longitude;
  }
  if (is_latitude(*coordinate)) {
    return CfRole::latitude;
  }
  if (is_longitude(*coordinate)) {
    return CfRole::longitude;
  }
  if (is_cf_time_units(units) || name == "time" || axis == "T") {
    return CfRole::time;
  }
  if (name == "realization" || axis == "E") {
    return CfRole::member;
  }
  if (kPressures.contains(lower_case(units)) || kLevelNames.contains(name) || axis == "Z" ||
      !coordinate->text("positive").empty() || name.starts_with("atmosphere_") ||
      name.starts_with("ocean_")) {
    return CfRole::level;
  }
  if (axis == "X" || axis == "Y" || name.starts_with("projection_")) {
    return CfRole::space;
  }
  return role_by_name(dimension);
}

/// Coordinate variable of a dimension: of its name, else a 1-D latitude or longitude on it.
NetcdfVariable const* coordinate_of(NetcdfFile const& file, int dimension) {
  auto const& name = file.dimensions()[static_cast<size_t>(dimension)].name;
  auto const* own = file.find(name);
  if (own != nullptr && own->is_numeric() && own->dimensions == std::vector<int>{dimension}) {
    return own;
  }
  for (auto const& variable : file.variables()) {
    bool const is_place =
        is_latitude(variable) || is_longitude(variable) || is_cf_time_units(variable.text("units"));
    if (variable.is_numeric() && is_place && variable.dimensions == std::vector<int>{dimension}) {
      return &variable;
    }
  }
  return nullptr;
}

/// Names that other variables use as coordinates, bounds and the like.
Names auxiliary_names(NetcdfFile const& file, std::vector<CfDimension> const& dimensions) {
  Names names;
  for (auto const& dimension : dimensions) {
    if (dimension.coordinate != nullptr) {
      names.insert(dimension.coordinate->name);
    }
  }
  for (auto const& variable : file.variables()) {
    for (auto const* key :
         {"bounds", "climatology", "coordinates", "grid_mapping", "ancillary_variables"}) {
      for (auto const& word : variable.words(key)) {
        names.insert(word);
      }
    }
    for (auto word : variable.words("cell_measures")) {
      names.insert(word);
    }
    if (variable.texts.contains("grid_mapping_name") || is_latitude(variable) ||
        is_longitude(variable) || is_cf_time_units(variable.text("units"))) {
      names.insert(variable.name);
    }
  }
  return names;
}

bool uses(NetcdfVariable const& variable, int dimension) {
  return std::count(variable.dimensions.begin(), variable.dimensions.end(), dimension) > 0;
}

/// "nav_lat, nav_lon": coordinates of two dimensions that lie on the variable's own; "" if none.
std::string curvilinear_coordinates(NetcdfFile const& file, NetcdfVariable const& variable) {
  std::string found;
  for (auto const& other : file.variables()) {
    bool const is_place = is_latitude(other) || is_longitude(other);
    if (is_place && other.rank() >= 2 &&
        std::all_of(other.dimensions.begin(), other.dimensions.end(), [&](int d) {
          return uses(variable, d);
        })) {
      found += (found.empty() ? "" : ", ") + other.name;
    }
  }
  return found;
}

/// Coordinates of cells without an order in space (unstructured meshes): several on one dimension.
bool is_unstructured(NetcdfFile const& file, int dimension) {
  bool latitude = false;
  bool longitude = false;
  for (auto const& other : file.variables()) {
    if (other.dimensions == std::vector<int>{dimension}) {
      latitude = latitude || is_latitude(other);
      longitude = longitude || is_longitude(other);
    }
  }
  return latitude && longitude;
}

bool is_projected(NetcdfVariable const& coordinate) {
  static Names const lengths = {
      "m", "km", "meter", "meters", "metre", "metres", "kilometer", "kilometers"};
  return coordinate.text("standard_name").starts_with("projection_") ||
         lengths.contains(lower_case(coordinate.text("units")));
}

std::string const kRegrid =
    "; interpolate it to a latitude-longitude grid first (CDO remapbil, xESMF)";

std::string grid_refusal(NetcdfFile const& file,
                         std::vector<CfDimension> const& dimensions,
                         CfVariable const& found) {
  auto const& variable = *found.variable;
  bool has_plane = true;
  for (auto const position : found.space) {
    auto const number = variable.dimensions[static_cast<size_t>(position)];
    auto const& dimension = dimensions[static_cast<size_t>(number)];
    if (dimension.role == CfRole::rotated_latitude || dimension.role == CfRole::rotated_longitude) {
      return concat("it is on a rotated-pole grid (axis ", dimension.name, ")", kRegrid);
    }
    if (is_unstructured(file, number)) {
      return concat("it is on an unstructured mesh (dimension ", dimension.name, ")", kRegrid);
    }
    has_plane = has_plane && dimension.coordinate != nullptr && is_projected(*dimension.coordinate);
  }
  auto const curved = curvilinear_coordinates(file, variable);
  // Axes of a map projection carry lat(y, x) too, but are a plane of their own.
  if (!curved.empty() && !has_plane) {
    return concat("it is on a curvilinear grid (2-D coordinates ", curved, ")", kRegrid);
  }
  return "";
}

CfVariable classify(NetcdfFile const& file,
                    std::vector<CfDimension> const& dimensions,
                    NetcdfVariable const& variable,
                    Levels levels) {
  CfVariable found{.variable = &variable};
  auto const role_at = [&](int i) {
    return dimensions[static_cast<size_t>(variable.dimensions[static_cast<size_t>(i)])].role;
  };
  bool sphere = false;
  for (int i = 0; i < variable.rank(); ++i) {
    sphere = sphere || role_at(i) == CfRole::latitude || role_at(i) == CfRole::longitude;
  }
  for (int i = 0; i < variable.rank(); ++i) {
    auto const& dimension =
        dimensions[static_cast<size_t>(variable.dimensions[static_cast<size_t>(i)])];
    bool const is_level = dimension.role == CfRole::level;
    bool const is_place = dimension.role == CfRole::latitude || dimension.role == CfRole::longitude;
    if (dimension.role == CfRole::time && found.time < 0) {
      found.time = i;
    } else if (dimension.role == CfRole::member && found.member < 0) {
      found.member = i;
    } else if (is_level && sphere && levels == Levels::fields && found.level < 0) {
      found.level = i;
    } else if (sphere ? is_place || (is_level && levels == Levels::axis)
                      : dimension.coordinate != nullptr || dimension.size > 1) {
      found.space.push_back(i);
    } else if (dimension.size == 1) {
      found.squeezed.push_back(i);
    } else {
      found.refusal = concat("its dimension '",
                             dimension.name,
                             "' is neither time, level, member, latitude nor longitude");
      return found;
    }
  }
  if (found.space.empty() || found.space.size() > 3) {
    found.refusal = concat("it has ", found.space.size(), " axes of space; 1 to 3 can be read");
    return found;
  }
  found.refusal = grid_refusal(file, dimensions, found);
  return found;
}

/// Edges of contiguous cells from bounds (n, 2); empty if they are not contiguous.
std::vector<double> edges_from(std::vector<double> const& bounds, double spacing) {
  auto const n = bounds.size() / 2;
  for (size_t first = 0; first < 2; ++first) {  // pairs in the order of the axis, or against it
    std::vector<double> edges = {bounds[first]};
    bool joined = true;
    for (size_t i = 0; i < n; ++i) {
      joined = joined &&
               std::abs(bounds[2 * i + first] - edges.back()) <= kEdgeTolerance * std::abs(spacing);
      edges.push_back(bounds[2 * i + 1 - first]);
    }
    if (joined) {
      return edges;
    }
  }
  return {};
}

void add_edges(NetcdfFile const& file, CfDimension const& dimension, Axis& axis) {
  auto const* bounds = file.find(dimension.coordinate->text("bounds"));
  if (bounds == nullptr || !bounds->is_numeric() || bounds->rank() != 2 || axis.size() == 1) {
    return;
  }
  auto const pairs = file.dimensions()[static_cast<size_t>(bounds->dimensions[1])].size;
  if (bounds->dimensions[0] != dimension.coordinate->dimensions[0] || pairs != 2) {
    return;
  }
  axis.edges = edges_from(file.read_all(*bounds), axis.spacing());
  if (!std::all_of(
          axis.edges.begin(), axis.edges.end(), [](double x) { return std::isfinite(x); })) {
    axis.edges.clear();
  }
}

std::string number_text(double value) {
  auto const rounded = std::round(value * 1e4) / 1e4;
  return concat(rounded == 0 ? 0.0 : rounded);
}

}  // namespace

std::vector<CfDimension> classify_dimensions(NetcdfFile const& file) {
  std::vector<CfDimension> dimensions;
  for (int i = 0; i < static_cast<int>(file.dimensions().size()); ++i) {
    auto const& dimension = file.dimensions()[static_cast<size_t>(i)];
    auto const* coordinate = coordinate_of(file, i);
    dimensions.push_back(
        {dimension.name, dimension.size, role_of(dimension, coordinate), coordinate});
  }
  return dimensions;
}

std::vector<CfVariable> classify_variables(NetcdfFile const& file,
                                           std::vector<CfDimension> const& dimensions,
                                           Levels levels) {
  auto const auxiliary = auxiliary_names(file, dimensions);
  std::vector<CfVariable> variables;
  for (auto const& variable : file.variables()) {
    if (variable.is_numeric() && variable.rank() > 0 && !auxiliary.contains(variable.name)) {
      variables.push_back(classify(file, dimensions, variable, levels));
    }
  }
  return variables;
}

Axis make_axis(NetcdfFile const& file, CfDimension const& dimension) {
  Axis axis;
  axis.name = dimension.role == CfRole::latitude    ? "latitude"
              : dimension.role == CfRole::longitude ? "longitude"
                                                    : dimension.name;
  if (dimension.coordinate == nullptr) {
    require(dimension.size <= int64_t{1} << 24,
            "dimension '",
            dimension.name,
            "' of '",
            file.path().string(),
            "' has ",
            dimension.size,
            " cells");
    axis.coordinates.resize(static_cast<size_t>(dimension.size));
    for (size_t i = 0; i < axis.coordinates.size(); ++i) {
      axis.coordinates[i] = static_cast<double>(i);
    }
    return axis;
  }
  axis.coordinates = file.read_all(*dimension.coordinate);
  for (size_t i = 0; i < axis.coordinates.size(); ++i) {
    require(std::isfinite(axis.coordinates[i]),
            "coordinate '",
            dimension.coordinate->name,
            "' of '",
            file.path().string(),
            "' is missing or not finite at ",
            i);
  }
  auto const units = dimension.coordinate->text("units");
  bool const radians = lower_case(units).starts_with("rad");
  axis.units = radians                               ? units
               : dimension.role == CfRole::latitude  ? "degrees_north"
               : dimension.role == CfRole::longitude ? "degrees_east"
                                                     : units;
  add_edges(file, dimension, axis);
  auto const step = std::abs(axis.spacing());
  auto const covered = step * static_cast<double>(axis.size());
  bool const is_circle = dimension.role == CfRole::longitude && axis.size() > 2 && !radians &&
                         axis.is_uniform() && std::abs(covered - kTurn) < kTurnTolerance * step;
  if (is_circle) {
    axis.boundaries = {Boundary::periodic, Boundary::periodic};
  }
  return axis;
}

std::vector<std::string> level_names(NetcdfFile const& file, CfDimension const& dimension) {
  std::vector<std::string> names;
  if (dimension.coordinate == nullptr) {
    for (int64_t i = 0; i < dimension.size; ++i) {
      names.push_back(concat(i));
    }
    return names;
  }
  double const to_hpa = lower_case(dimension.coordinate->text("units")) == "pa" ? 0.01 : 1;
  for (auto const level : file.read_all(*dimension.coordinate)) {
    names.push_back(number_text(level * to_hpa));
  }
  return names;
}

}  // namespace eddyline
