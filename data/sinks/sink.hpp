#pragma once

#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "data/field/state.hpp"

namespace eddyline {

/// What a run needs to go on after its newest frame.
struct Restart {
  int64_t step = 0;
  at::Tensor window;          ///< the stepper's history, oldest first: (B, T, C, D, H, W)
  std::vector<double> times;  ///< of its frames
  /// Memory of the stepper beyond the history: (B, …) each; of blocks where states are, if it has
  /// five axes or more, (B, …, C, D, H, W), and alike on their ranks otherwise.
  std::map<std::string, at::Tensor> memory;
  /// What of the stepper's grid those fields hold, where ranks share trajectories: with
  /// data.fit=pad more than of the frames that are written.
  Block block;
};

/// Where the frames of a run go. Where ranks share trajectories each gives its own block:
/// State.spec says which (`block`, in cells of the whole `grid`), all give the same steps in the
/// same order.
class Sink {
 public:
  virtual ~Sink() = default;
  /// Takes the frame of `step`; its values are copied. Frames come in order of their steps.
  virtual void write(int64_t step, State const& state) = 0;
  /// Forgets frames after `step` that are not in a closed segment: they are not good.
  virtual void discard_after(int64_t step) = 0;
  /// Makes all frames so far durable, with what is needed to go on: a kill after it loses none.
  /// \throw Failure  if the file system refuses (disk full); what was closed before stays whole
  virtual void close_segment(Restart const& restart) = 0;
};

}  // namespace eddyline
