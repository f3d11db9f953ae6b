#pragma once

#include "data/sinks/rollout_folder.hpp"

namespace eddyline {

/// Whether rollout.h5 gets virtual data sets over the frames.
enum class FrameLinks { none, all };

/// Writes rollout.h5 of the folder, atomically. Not collective. \throw Failure
void write_master(RolloutFolder const& folder,
                  RolloutDescription const& description,
                  FrameLinks links);

/// True if the file is a rollout.h5.
bool is_master(std::filesystem::path const& path);

/// All but the values of constant fields. \throw Error  naming what is wrong with the file
RolloutDescription read_master(std::filesystem::path const& path);

}  // namespace eddyline
