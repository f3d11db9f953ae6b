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
  std::string file;  ///< its segment, relative to the XDMF file
};

/// Path of a frame's group in its segment: "/step-00000012".
std::string step_group(int64_t step);

/// XDMF3 text that shows the frames as one temporal collection. Coordinates of a stretched grid are
/// read from /grid/{x,y,z} of `coordinates_file`.
/// Only forms that ParaView 5.11 opens: whole data sets, no hyperslabs.
std::string xdmf_text(RolloutDescription const& description,
                      std::vector<XdmfFrame> const& frames,
                      std::string const& coordinates_file);

}  // namespace eddyline
