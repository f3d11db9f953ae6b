#pragma once

#include "data/formats/registry.hpp"

namespace eddyline {

/// The registry's line for WeatherBench: a folder with one folder a variable, which holds one CF
/// netCDF file a year, and constants.nc. What the reader makes of it:
///
/// The state has the fields of all folders at the times that they have in common; levels are fields
/// (z_500). A folder of one level (geopotential_500) names its field with it. Fields may be asked
/// for by short code (z_500) or long name (geopotential_500) and keep the name they were asked by;
/// then only their folders are opened. Parts are whole years: the map's `train`, `valid` and
/// `test`, by default 1979-2015, 2016 and 2017-2018 as ClimaX has them. Source: Rasp et al. 2020,
/// J. Adv. Model. Earth Syst. 12, e2020MS002203.
FormatEntry weatherbench_format();

}  // namespace eddyline
