#pragma once

#include <filesystem>
#include <memory>

#include "data/formats/registry.hpp"

namespace eddyline {

/// The registry's doors to arrays of the user's own. The request's map says what they are; without
/// one the Error prints a map as a start. Splits other than "all" are those of the map.
std::unique_ptr<Reader> open_hdf5_arrays(OpenRequest const& request);
/// The path is the folder of the npy files that the map names, or one of them.
std::unique_ptr<Reader> open_npy_arrays(OpenRequest const& request);

/// The splits that the request's map names, in the order train, valid, test.
std::vector<std::string> map_splits(OpenRequest const& request);

/// True for any HDF5 file, and folders of them: the registry asks this format last.
bool recognises_hdf5_arrays(std::filesystem::path const& path);
bool recognises_npy_arrays(std::filesystem::path const& path);

}  // namespace eddyline
