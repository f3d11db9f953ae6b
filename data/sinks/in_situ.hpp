#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "data/field/decomposition.hpp"

namespace eddyline {

/// One data set of a frame that is shown.
struct InSituArray {
  std::string name;
  std::string units;
  at::Tensor values;  ///< (z, y, x) or (z, y, x, 3) of `held`; float32 or float64, contiguous, host
};

/// The points that this rank hands over of one frame; axes are z, y, x (data/sinks/scene.hpp).
struct InSituFrame {
  int64_t step = 0;
  double time = 0;
  std::string time_unit = {};
  std::array<int64_t, 3> whole = {1, 1, 1};  ///< points of the grid
  Box own;   ///< the rank's block and the layer that it shares with the next block
  Box held;  ///< `own` and ghost layers around it
  std::array<std::vector<double>, 3> coordinates;  ///< of the held points, ascending
  bool is_uniform = true;
  std::array<double, 3> origin = {0, 0, 0}, spacing = {1, 1, 1};  ///< of a uniform grid
  std::vector<InSituArray> arrays = {};
};

/// Something that shows frames while a run goes: ParaView Catalyst's 5.11 interface
/// (data/sinks/catalyst.hpp), and whatever may stand beside it.
class InSitu {
 public:
  virtual ~InSitu() = default;
  /// What became of a frame on this rank.
  enum class Ending {
    done,
    left,        ///< shown, but for a live client that has gone or cannot be shown it: see `words`
    complained,  ///< shown, but for what `words` say: a file that cannot be written
    failed,      ///< it shows no more
    stuck,       ///< it failed, and other ranks wait for this one inside ParaView: no call returns
  };
  struct Result {
    Ending ending = Ending::done;
    std::string words = {};
  };
  /// Collective over the ranks that share the frame. The arrays are used where they lie until the
  /// next call or the end of this object.
  virtual Result show(InSituFrame const& frame) = 0;
};

}  // namespace eddyline
