#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "core/communicator.hpp"
#include "data/sinks/rollout_description.hpp"
#include "data/sinks/sink.hpp"
#include "data/sinks/xdmf.hpp"

namespace eddyline {

/// The files of a rollout:
///   rollout.h5                            what it is, the coordinates, and (T, …) views of all
///                                         frames
///   constants.h5                          constant fields, if there are any
///   trajectory-00003.xdmf                 opens in ParaView
///   trajectory-00003/segment-00000050.h5  frames from step 50 on, one data set a field and step
/// A segment appears whole or not at all. Nothing depends on the number of ranks that wrote it.
class RolloutFolder {
 public:
  explicit RolloutFolder(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path const& path() const { return path_; }
  std::filesystem::path master() const { return path_ / "rollout.h5"; }
  std::filesystem::path constants() const { return path_ / "constants.h5"; }
  std::filesystem::path xdmf(int64_t trajectory) const;
  std::filesystem::path trajectory(int64_t trajectory) const;
  std::filesystem::path segment(int64_t trajectory, int64_t first_step) const;
  /// Path as the XDMF file of its trajectory names it.
  std::string relative_segment(int64_t trajectory, int64_t first_step) const;

  /// First steps of the closed segments of a trajectory, ascending.
  std::vector<int64_t> segments(int64_t trajectory) const;
  /// Frames of the closed segments of a trajectory, in order. \throw Error naming a damaged file
  std::vector<XdmfFrame> frames(int64_t trajectory) const;
  /// Steps that a run can go on from after the last closed segments, newest first, at most `most`.
  std::vector<int64_t> restart_steps(int64_t trajectory, size_t most) const;
  /// The newest of them; none if no segment is closed.
  std::optional<int64_t> last_step(int64_t trajectory) const;
  /// Removes segments with frames after `step`, and temporaries that a killed run left.
  void drop_after(int64_t trajectory, int64_t step) const;
  /// What the segment that ends at `step` keeps to go on: window (1, T, C, D, H, W), memory (1, …).
  /// \param block  of which fields are read; null: whole ones
  /// \throw Error  if no segment ends there
  Restart restart(int64_t trajectory, int64_t step, Block const* block = nullptr) const;

  /// Writes the XDMF file of a trajectory anew, with all frames of its closed segments.
  void write_xdmf(int64_t trajectory, RolloutDescription const& description) const;
  /// Makes the folder, its constants.h5 and its rollout.h5, without frames. \throw Failure
  /// \param block    of the constant fields that this rank holds
  /// \param sharing  ranks of which each brings its block and which call this together; null: one
  ///                 alone, which holds all
  void describe(RolloutDescription const& description,
                Block const& block = {},
                Communicator const* sharing = nullptr) const;
  /// All but the values of constant fields. \throw Error  if there is no rollout here or it is
  /// damaged
  RolloutDescription description() const;
  /// Writes rollout.h5 anew with one virtual data set a field over the frames that all trajectories
  /// have: (T, z, y, x[, 3]), or (B, T, z, y, x[, 3]) for several trajectories; `times` and `steps`
  /// (T).
  void link_frames() const;

 private:
  std::filesystem::path path_;
};

}  // namespace eddyline
