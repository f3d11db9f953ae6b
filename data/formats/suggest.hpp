#pragma once

#include <filesystem>
#include <string>

namespace eddyline {

/// A map for `data.map` guessed from an HDF5 or npy file, or a folder of them, as YAML with
/// comments (guess_map.hpp says how). \throw Error  if it is neither or holds no arrays
std::string suggest_map(std::filesystem::path const& path);

}  // namespace eddyline
