#pragma once

#include <optional>
#include <vector>

#include "data/sinks/rollout_folder.hpp"
#include "data/sinks/sink.hpp"

namespace eddyline {

/// Numbers of the trajectories that step together on one rank.
class TrajectoryShare {
 public:
  TrajectoryShare() = default;
  /// [first, first + count)
  TrajectoryShare(int64_t first, int64_t count);
  explicit TrajectoryShare(std::vector<int64_t> numbers) : numbers_(std::move(numbers)) {}

  int64_t count() const { return static_cast<int64_t>(numbers_.size()); }
  int64_t operator[](int64_t i) const { return numbers_[static_cast<size_t>(i)]; }

 private:
  std::vector<int64_t> numbers_;
};

/// Streams the frames of some trajectories into a rollout folder (data/sinks/rollout_folder.hpp).
/// Frames are kept in the host's memory until their segment is closed; then the segment's files
/// appear whole and the trajectory's XDMF file grows. Nothing else is kept, so that memory does not
/// grow with the steps. Ranks write their own trajectories independently.
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
    at::Tensor values;  ///< (B, C, D, H, W) on the host
  };
  void write_segment(int64_t index, Restart const& restart) const;
  void show_segment(int64_t trajectory) const;

  RolloutFolder folder_;
  RolloutDescription description_;
  TrajectoryShare share_;
  Scene scene_;
  std::vector<Frame> open_;
};

}  // namespace eddyline
