#pragma once

#include <filesystem>
#include <string>

namespace eddyline {

/// How a file begins.
enum class NetcdfKind { none, classic, offset_64, data_64, hdf5 };

/// Looks at the first bytes only; `none` if it is something else or cannot be read.
NetcdfKind netcdf_kind(std::filesystem::path const& path);
/// "netCDF-3 classic", "netCDF-3 with 64-bit offsets", "netCDF-3 with 64-bit data", "netCDF-4
/// (HDF5)".
std::string to_string(NetcdfKind kind);

/// Walks the header of a netCDF-3 file and compares what it promises with the size of the file,
/// before libnetcdf allocates for it; libnetcdf reads zeros or NaN beyond the end of a truncated
/// file. Source: the format's grammar in the netCDF User's Guide, appendix B. \throw Error  naming
/// the file and the variable that lies beyond its end, or the damaged part
void check_classic_netcdf(std::filesystem::path const& path);

}  // namespace eddyline
