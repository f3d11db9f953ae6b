#pragma once

#include <filesystem>
#include <string>

#include "data/formats/reader.hpp"

namespace eddyline {

/// Whether times are counted from the first frame too.
enum class CfLeadTimes {
  none,
  from_first_frame,  ///< of a forecast: its first frame is what it started from
};

struct CfDescription {
  std::string title;
  std::string source;  ///< what made the values, as CF means it
  CfLeadTimes lead_times = CfLeadTimes::none;
  /// Most bytes of a frame that are held at once: of a larger one slabs are copied one by one,
  /// which are the file's chunks too.
  int64_t slab_bytes = int64_t{16} << 20;
};

/// Writes all trajectories of a data set as one netCDF-4 file by the CF conventions 1.11, which
/// xarray, CDO and netcdf_reader open. Atomic.
///
/// A channel is a variable of float32 with its units and, where the name is one of weather data,
/// CF's standard name. Axes keep the order of the grid: latitude and longitude in degrees, others
/// by their names, with bounds where the data give edges. Constant fields have no time.
/// Trajectories of the same times are (realization, time, …), one alone is (time, …); where the
/// data give dates, time has them with their calendar. `lead_time` (standard name forecast_period)
/// and `forecast_reference_time` stand beside time. Forecasts from several dates are (initial_time,
/// lead_time, …) with the dates that they are for in time(initial_time, lead_time).
/// \throw Error    if trajectories have neither times nor lead times in common
/// \throw Failure  if the file system refuses; nothing is left then
void write_cf_netcdf(Reader& reader,
                     std::filesystem::path const& path,
                     CfDescription const& description);

}  // namespace eddyline
