#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/communicator.hpp"
#include "data/field/state.hpp"

namespace eddyline {

/// What a new file in The Well's layout holds.
struct WellFileSpec {
  std::string dataset_name;
  std::shared_ptr<StateSpec const> state;    ///< fields, whole grid, this rank's block, time unit
  FieldSet constants;                        ///< fields that do not change in time
  std::map<std::string, double> parameters;  ///< of the whole file: "Du", "k"
  std::map<std::string, std::vector<double>> per_trajectory;  ///< one number a trajectory: "seed"
  int64_t trajectories = 1;
  std::vector<double> times;  ///< of the frames
  int gzip = 0;               ///< 0 none, 1 … 9
};

/// Writes one file of The Well frame by frame, each rank its block (MPI-IO). The file gets its name
/// when it is whole: until finish() it is a temporary beside it. What Reader reads back is
/// bit-equal in float32; channels come back ordered by rank of tensor: scalars, vectors, tensors.
/// All calls are collective; if one rank fails, all throw.
class WellWriter {
 public:
  /// \throw Error    if the grid has no axis, a name is used twice, or gzip is not 0 … 9
  /// \throw Failure  if the file cannot be created
  WellWriter(std::filesystem::path path, WellFileSpec spec, Communicator const& ranks);
  WellWriter(WellWriter&&) noexcept;
  /// Removes the temporary unless finish() was called. Collective; waits 5 s for missing ranks.
  ~WellWriter();

  /// Writes frame `frame` of trajectories first … first + B - 1 of this rank's block. Ranks may
  /// write other trajectories; a rank that has none passes B = 0.
  ///
  /// \param state    (B, C, D, H, W) of the block, on any device
  /// \throw Error    if shape, frame or trajectory do not fit the spec
  /// \throw Failure  if the disk is full
  void write(int64_t first_trajectory, int64_t frame, State const& state);
  /// Writes the constant fields, (Cc, D, H, W) of the block, the same for all trajectories. Once.
  void write_constants(at::Tensor const& values);
  /// Closes the file and gives it its name. \throw Failure  if it cannot; the temporary is removed
  void finish();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace eddyline
