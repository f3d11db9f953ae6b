#pragma once

#include <filesystem>
#include <memory>

#include "data/formats/registry.hpp"

namespace eddyline {

/// True for the folder of a rollout, its rollout.h5, or one of its XDMF files.
bool is_rollout(std::filesystem::path const& path);

/// Reads what a rollout wrote (data/sinks/rollout_folder.hpp): frames come back bit for bit, axes
/// in the order that the source had. A rollout has no splits: all of them hold all trajectories.
/// \throw Error  naming the file that is missing or damaged
std::unique_ptr<Reader> open_rollout(OpenRequest const& request);

}  // namespace eddyline
