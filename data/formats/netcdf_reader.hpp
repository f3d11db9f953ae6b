#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/formats/cf_grid.hpp"
#include "data/formats/reader.hpp"

namespace eddyline {

struct NetcdfOptions {
  std::filesystem::path path;            ///< a file, a folder of .nc files, or a pattern
  std::vector<std::string> fields = {};  ///< "t2m", "u_500", "u" (all its levels); empty for all
  Levels levels = Levels::fields;
  std::vector<std::filesystem::path> files = {};  ///< these instead of what `path` means
  size_t open_files = 32;                         ///< at once, at least 2
};

/// Opens CF netCDF (3 and 4). Levels of a variable on a latitude-longitude grid are fields (u_500)
/// unless `levels` says otherwise; members of an ensemble are trajectories. Files that follow each
/// other in time are one series, one more after each gap; files that overlap are a trajectory each.
/// Times are relative to the first frame of
/// a trajectory, in the file's unit; where they are dates, the scalars `hour_of_day` [h] and
/// `day_of_year` [1 … 366] give them. \throw Error  if no variable can be read (curvilinear,
/// rotated-pole, unstructured grids), the files do
///               not fit together, or one is truncated or damaged
std::unique_ptr<Reader> open_netcdf(NetcdfOptions const& options);

/// What a netCDF file holds, in words; grids that cannot be read are told with the reason.
/// \throw Error  if the file itself cannot be read
std::string describe_netcdf(std::filesystem::path const& path);

}  // namespace eddyline
