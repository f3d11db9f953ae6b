#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/communicator.hpp"
#include "data/hdf5/file.hpp"

namespace eddyline {

/// Where the three axes of cells begin in an array, and what of them a rank holds.
struct BlockPlace {
  size_t axis;
  std::array<int64_t, 3> first, global;
};

/// Puts arrays into a file: all of them, or this rank's part of those on cells.
class BlockWriter {
 public:
  /// \param ranks  that write together; null: one alone
  explicit BlockWriter(Communicator const* ranks) : ranks_(ranks) {}

  /// What all ranks hold alike: the first writes it. Collective.
  void put(Hdf5Group const& group, std::string const& name, at::Tensor const& values) const;
  /// The block of each rank, as its hyperslab. Collective.
  void put_cells(Hdf5Group const& group,
                 std::string const& name,
                 at::Tensor const& values,
                 BlockPlace const& place) const;
  /// True if the two are equal on each of the ranks. Collective.
  bool are_equal(at::Tensor const& a, at::Tensor const& b) const;

 private:
  void write(Hdf5Group const& group,
             std::string const& name,
             std::vector<int64_t> const& shape,
             Hyperslab const& part,
             at::Tensor const& values) const;

  Communicator const* ranks_;
};

/// Writes a file that appears whole or not at all. By one rank alone it is made in memory, so that
/// a full disk never meets HDF5; by several, collectively, each writes its own hyperslabs.
/// \param ranks  that write together; null: one alone
/// \param bytes  of numbers that one rank alone puts into it, about
/// \throw Failure  with the reason, on all of them, or alone if the others hang in the call that
/// failed
void write_block_file(std::filesystem::path const& path,
                      Communicator const* ranks,
                      int64_t bytes,
                      std::function<void(Hdf5Group const&, BlockWriter const&)> const& put_all);

}  // namespace eddyline
