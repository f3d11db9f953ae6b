#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/formats/registry.hpp"

namespace eddyline {

/// The Well (Ohana et al. 2024): HDF5 files of trajectories on a grid, a folder a split.
/// The path is a data set (it holds data/train, data/valid, data/test), a folder of files, or one
/// file. Files are taken in the order of their paths; "all" takes train, valid, test. Channels:
/// scalars, then vectors, then tensors, each in the file's order of names.
FormatEntry well_format();

/// stats.yaml that belongs to the path: in it, or up to three folders above; "" if there is none.
std::filesystem::path find_well_statistics(std::filesystem::path const& path);

}  // namespace eddyline
