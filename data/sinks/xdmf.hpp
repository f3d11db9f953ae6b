#pragma once

#include <string>
#include <vector>

#include "data/sinks/rollout_description.hpp"
#include "data/sinks/scene.hpp"

namespace eddyline {

/// A frame that is in a closed segment.
struct XdmfFrame {
  int64_t step = 0;
  double time = 0;
  std::string file;                  ///< its segment, relative to the XDMF file
  at::ScalarType type = at::kFloat;  ///< of its numbers: float32 or float64
};

/// Path of a frame's group in its segment: "/step-00000012".
std::string step_group(int64_t step);

/// An XDMF3 file that shows frames as one temporal collection: head, frames, kXdmfTail.
/// Only forms that ParaView 5.11 opens: whole data sets, no hyperslabs. Units are the name of an
/// array of each frame, "units: u [K], time [s]", since ParaView shows no others.
std::string xdmf_head(RolloutDescription const& description);
/// Coordinates of a stretched grid are read from /grid/{x,y,z} of `coordinates_file`.
std::string xdmf_frames(RolloutDescription const& description,
                        std::vector<XdmfFrame> const& frames,
                        std::string const& coordinates_file);
extern std::string const kXdmfTail;

}  // namespace eddyline
