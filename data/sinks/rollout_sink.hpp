#pragma once

#include "data/sinks/rollout_folder.hpp"
#include "data/sinks/sink.hpp"

namespace eddyline {

/// Trajectories [first, first + count) of all.
struct TrajectoryShare {
  int64_t first = 0;
  int64_t count = 0;
};

/// Streams the frames of some trajectories into a rollout folder (data/sinks/rollout_folder.hpp).
/// Frames are kept in memory until their segment is closed; then the segment's files appear whole
/// and the trajectory's XDMF file is replaced. Ranks write their own trajectories independently.
class RolloutSink final : public Sink {
 public:
  /// \param folder  described already; frames in it after `from` are removed, earlier ones stay
  /// \param from    step of the frame that the run goes on from; none: nothing is kept
  RolloutSink(RolloutFolder folder,
              RolloutDescription description,
              TrajectoryShare share,
              std::optional<int64_t> from = {});

  void write(int64_t step, State const& state) override;
  void discard_after(int64_t step) override;
  void close_segment(Restart const& restart) override;

 private:
  struct Frame {
    int64_t step;
    double time;
    at::Tensor values;  ///< (B, C, D, H, W)
  };
  void write_segment(int64_t index, Restart const& restart) const;

  RolloutFolder folder_;
  RolloutDescription description_;
  TrajectoryShare share_;
  Scene scene_;
  std::vector<Frame> open_;
  std::vector<std::vector<XdmfFrame>> closed_;  ///< of each trajectory of the share
};

}  // namespace eddyline
