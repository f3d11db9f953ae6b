#pragma once

#include <optional>
#include <vector>

#include "core/communicator.hpp"
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
/// grow with the steps. Ranks write their own trajectories independently; those that hold a block
/// of each state write them together, and the files are the same.
class RolloutSink final : public Sink {
 public:
  /// \param folder  described already; frames in it after `from` are removed, earlier ones stay
  /// \param from    step of the frame that the run goes on from; none: nothing is kept
  /// \param sharing ranks of which each brings the block that its states name; they call
  ///                close_segment() together. Outlives the sink. Null: states are whole
  RolloutSink(RolloutFolder folder,
              RolloutDescription description,
              TrajectoryShare share,
              std::optional<int64_t> from = {},
              Communicator const* sharing = nullptr);

  void write(int64_t step, State const& state) override;
  void discard_after(int64_t step) override;
  void close_segment(Restart const& restart) override;

 private:
  struct Frame {
    int64_t step;
    double time;
    at::Tensor values;  ///< (B, C, D, H, W) on the host
  };
  /// The rank that writes what is no field.
  bool is_first() const { return sharing_ == nullptr || sharing_->is_root(); }
  void write_one(int64_t index, Restart const& restart) const;
  void show_segment(int64_t trajectory) const;

  RolloutFolder folder_;
  RolloutDescription description_;
  TrajectoryShare share_;
  Communicator const* sharing_;
  Block block_;  ///< of the states
  Scene scene_;
  std::vector<Frame> open_;
};

}  // namespace eddyline
