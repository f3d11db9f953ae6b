#pragma once

#include "core/communicator.hpp"
#include "data/field/decomposition.hpp"
#include "data/sinks/rollout_folder.hpp"

namespace eddyline {

/// Writes constants.h5 of a rollout's folder: constant fields (Cc, D, H, W) of each trajectory,
/// data sets "0", "1", …, of which one that is equal to the first is left out. It appears whole or
/// not at all; does nothing where there are no constant fields. \param block  of the description's
/// fields, that this rank holds \param ranks  that write together, collectively, each its block;
/// null: one alone, which holds all \throw Failure  with the reason
void write_constants(RolloutFolder const& folder,
                     RolloutDescription const& description,
                     Block const& block = {},
                     Communicator const* ranks = nullptr);

/// Constant fields (Cc, D, H, W) of a trajectory on the cells of a box; no others are read.
/// \throw Error  if the folder has none, or not on such a grid
at::Tensor read_constants(RolloutFolder const& folder, int64_t trajectory, Box const& box);

}  // namespace eddyline
