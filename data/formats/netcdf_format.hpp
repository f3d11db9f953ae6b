#pragma once

#include <filesystem>
#include <memory>

#include "data/formats/registry.hpp"

namespace eddyline {

/// True for netCDF-3 by its first bytes, for netCDF-4 (which begins as any HDF5 file) by the name's
/// ending, and for folders and patterns by their first file.
bool recognises_netcdf(std::filesystem::path const& path);

/// The registry's door to open_netcdf(). The request's map has one key, `levels: fields | axis`.
/// \throw Error  also for splits other than "all": files of climate data have none of their own
std::unique_ptr<Reader> open_netcdf_format(OpenRequest const& request);

}  // namespace eddyline
