#pragma once

#include <filesystem>
#include <vector>

#include "core/communicator.hpp"
#include "data/field/decomposition.hpp"
#include "data/hdf5/data_set.hpp"
#include "data/sinks/scene.hpp"
#include "data/sinks/sink.hpp"

namespace eddyline {

/// A frame of one trajectory on the host, as much of it as this rank holds.
struct SegmentFrame {
  int64_t step = 0;
  double time = 0;
  at::Tensor values;  ///< (C, D, H, W)
};

/// What a segment of one trajectory is made of.
struct Segment {
  std::vector<SegmentFrame> frames;
  Restart restart;  ///< window (1, T, C, D, H, W), memory (1, …)
};

/// Of the tensors that a data set of a segment holds.
at::ScalarType type_of(Hdf5DataSet const& data);

/// True if a tensor (B, …) of a stepper's memory is a field on the cells, (B, …, C, D, H, W):
/// where states are blocks it is one too.
bool is_field(at::Tensor const& memory);

/// Writes a segment of a trajectory (rollout_folder.hpp says what is in it), which appears whole or
/// not at all (block_file.hpp); what the file holds does not depend on the ranks.
/// \param block  of each frame that this rank holds
/// \param ranks  that write together, collectively; null: one alone, which holds all
/// \throw Failure  with the reason
void write_segment(std::filesystem::path const& path,
                   Scene const& scene,
                   Segment const& segment,
                   Block const& block = {},
                   Communicator const* ranks = nullptr);

/// Reads what a segment keeps to go on: window (1, T, C, D, H, W), memory (1, …).
/// \param block  of which fields are read; null: whole ones
/// \throw Error  if the file is damaged or of another grid
Restart read_restart(std::filesystem::path const& path, Block const* block);

}  // namespace eddyline
