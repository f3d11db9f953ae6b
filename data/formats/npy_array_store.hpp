#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/formats/array_store.hpp"

namespace eddyline {

/// Arrays of npy files below a folder; a name with `*` means many files, one a piece; every such
/// name must match as many.
std::unique_ptr<ArrayStore> open_npy_store(std::filesystem::path const& folder,
                                           std::vector<std::string> const& names);

}  // namespace eddyline
