#pragma once

#include <vector>

#include "data/formats/well_writer.hpp"
#include "data/sinks/sink.hpp"
#include "workflows/simulation/running_moments.hpp"
#include "workflows/simulation/simulation.hpp"

namespace eddyline {

/// The moments that stats.yaml holds: of values, and of differences of consecutive frames.
struct SetMoments {
  explicit SetMoments(int64_t channels) : values(channels), deltas(channels) {}
  RunningMoments values;
  RunningMoments deltas;
};

/// Writes the frames of some trajectories of a split into its file, and adds their moments.
/// Writing is collective, so frames wait on the host until their segment is closed, which all ranks
/// do together. A file is made in one go: what a run needs to go on is not kept.
class SplitSink final : public Sink {
 public:
  /// \param writer  and \param moments outlive the sink
  /// \param first   number of the first trajectory in the file
  SplitSink(WellWriter& writer, SetMoments& moments, SaveConfig const& save, int64_t first)
      : writer_(writer), moments_(moments), save_(save), first_(first) {}

  void write(int64_t step, State const& state) override;
  void discard_after(int64_t step) override;
  /// Collective. \throw Failure  if the disk is full
  void close_segment(Restart const& restart) override;

 private:
  struct Frame {
    int64_t step;
    State state;
  };
  WellWriter& writer_;
  SetMoments& moments_;
  SaveConfig save_;
  int64_t first_;
  std::vector<Frame> open_;
  at::Tensor previous_;  ///< values written last
};

}  // namespace eddyline
