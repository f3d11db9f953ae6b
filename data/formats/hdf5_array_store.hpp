#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/formats/array_store.hpp"

namespace eddyline {

/// Arrays of HDF5 files. Names with a `*` ("/*/data") mean every group there, each a piece of its
/// own. \param files  HDF5 files in the order of their pieces \param names  names of the arrays
/// that will be asked for \throw Error  if a file cannot be read or no group fits
std::unique_ptr<ArrayStore> open_hdf5_store(std::vector<std::filesystem::path> const& files,
                                            std::vector<std::string> const& names);

}  // namespace eddyline
