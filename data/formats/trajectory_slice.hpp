#pragma once

#include <cstdint>
#include <memory>

#include "data/formats/reader.hpp"

namespace eddyline {

/// Refuses frames, trajectories and boxes that a data set does not have.
/// \throw Error  naming the data set, what was asked for and what there is
void check_frames(DatasetSpec const& spec, FrameRange const& frames, Box const& box);

/// Keeps the trajectories [first, end) of a reader.
/// \throw Error  if it has not that many
std::unique_ptr<Reader> keep_trajectories(std::unique_ptr<Reader> reader,
                                          int64_t first,
                                          int64_t end);

}  // namespace eddyline
