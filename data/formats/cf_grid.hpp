#pragma once

#include <string>
#include <vector>

#include "data/field/grid.hpp"
#include "data/formats/netcdf_file.hpp"

namespace eddyline {

/// What a dimension of a netCDF file stands for.
enum class CfRole {
  time,
  member,  ///< of an ensemble: each is a trajectory
  level,   ///< pressure, height, depth
  latitude,
  longitude,
  rotated_latitude,  ///< of a grid with a moved pole
  rotated_longitude,
  space,  ///< x, y, … of a plane, or what is not known better
};

struct CfDimension {
  std::string name;
  int64_t size = 0;
  CfRole role = CfRole::space;
  NetcdfVariable const* coordinate = nullptr;  ///< 1-D, owned by the file; null where there is none
};

/// How the levels of one variable arrive.
enum class Levels {
  fields,  ///< a field each: u_500, u_850
  axis     ///< an axis of a 3-D grid
};

/// A variable that may be a field. Positions count the variable's own dimensions.
struct CfVariable {
  NetcdfVariable const* variable = nullptr;
  int time = -1;
  int member = -1;
  int level = -1;             ///< where levels are fields
  std::vector<int> space;     ///< in file order, at most 3
  std::vector<int> squeezed;  ///< length 1 and without a meaning
  std::string refusal;        ///< why it cannot be a field on this grid; "" if it can
};

/// Roles by the CF conventions (1.11, chapter 4): units, standard_name, attributes axis and
/// positive, and names as the last resort.
std::vector<CfDimension> classify_dimensions(NetcdfFile const& file);

/// The data variables: not coordinates, bounds, grid mappings or what is not a number.
std::vector<CfVariable> classify_variables(NetcdfFile const& file,
                                           std::vector<CfDimension> const& dimensions,
                                           Levels levels);

/// Coordinates in file order (descending latitudes stay so), edges from bounds where neighbours
/// share them; a longitude that covers 360 degrees is periodic. Latitude and longitude get these
/// names and units in degrees; without a coordinate variable cells are counted from 0. \throw Error
/// if a coordinate is missing or not finite
Axis make_axis(NetcdfFile const& file, CfDimension const& dimension);

/// Makes a longitude in degrees periodic if its cells cover 360 of them.
void close_circle(Axis& longitude);

/// Suffixes of the fields of each level: pressures in hPa ("500"), else the values ("10").
std::vector<std::string> level_names(NetcdfFile const& file, CfDimension const& dimension);

}  // namespace eddyline
