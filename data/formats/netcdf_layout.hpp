#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data/field/field_set.hpp"
#include "data/field/grid.hpp"
#include "data/formats/cf_grid.hpp"
#include "data/formats/cf_time.hpp"
#include "data/formats/netcdf_file.hpp"

namespace eddyline {

/// One channel: a variable, or one level of it.
struct NetcdfChannel {
  CfVariable source;
  int64_t level = 0;  ///< index along source.level
};

/// One netCDF file seen as frames of fields on a grid. Points into the file, which must live as
/// long.
struct NetcdfLayout {
  Grid grid;
  FieldSet fields, constants;
  std::vector<NetcdfChannel> channels, constant_channels;
  int64_t members = 1;
  std::vector<double> times;       ///< as stored
  std::optional<CfTime> calendar;  ///< if they are dates
  std::string time_unit;           ///< "h"; "" if the file does not say
  std::vector<std::string> remarks;
};

/// Takes the variables that share their axes of space, time and member: the asked ones in their
/// order, else the largest such group; those of the same grid without time become constants. \param
/// fields  "t2m", "u_500", or "u" for all levels of u; empty for all \throw Error   if none can be
/// read, or an asked one cannot: says why for each
NetcdfLayout lay_out(NetcdfFile const& file, std::vector<std::string> const& fields, Levels levels);

/// What the file holds in words, with the reason for each variable that is no field; never throws
/// for grids that cannot be read.
std::vector<std::string> describe_variables(NetcdfFile const& file);

}  // namespace eddyline
