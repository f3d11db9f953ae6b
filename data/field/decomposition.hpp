#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace eddyline {

/// A box of cells: [first, first + size) on D, H, W.
struct Box {
  std::array<int64_t, 3> first = {0, 0, 0};
  std::array<int64_t, 3> size = {1, 1, 1};

  int64_t cells() const { return size[0] * size[1] * size[2]; }
  bool operator==(Box const&) const = default;
};

/// The part of a grid that a rank owns.
struct Block {
  Box box;                                    ///< in global cell numbers
  std::array<int64_t, 3> global = {1, 1, 1};  ///< cells of the whole grid
  std::array<int, 3> parts = {1, 1, 1};       ///< ranks along each axis
  std::array<int, 3> position = {0, 0, 0};    ///< of this rank among them

  bool is_whole() const { return box.size == global; }
  bool operator==(Block const&) const = default;
};

/// Splits a grid over `parts` ranks: contiguous, sizes differ by at most one `align` unit.
class Decomposition {
 public:
  /// \param shape  cells on D, H, W
  /// \param parts  ranks on D, H, W
  /// \param align  every block but the last starts at a multiple of it (the network's patch)
  /// \throw Error  if an axis has fewer units than parts; the message names the splits that work
  Decomposition(std::array<int64_t, 3> shape,
                std::array<int, 3> parts,
                std::array<int64_t, 3> align = {1, 1, 1});

  int ranks() const { return parts_[0] * parts_[1] * parts_[2]; }
  std::array<int, 3> parts() const { return parts_; }
  /// Ranks are numbered row-major: the last axis is fastest.
  Block block(int rank) const;
  /// Rank at a position; -1 outside.
  int rank_at(std::array<int, 3> position) const;

  /// Balanced parts of `ranks` over the axes of `shape`, long axes first; equal cubes preferred.
  static std::array<int, 3> balanced_parts(std::array<int64_t, 3> shape, int ranks);

 private:
  std::array<int64_t, 3> shape_;
  std::array<int, 3> parts_;
  std::array<std::vector<int64_t>, 3> starts_;  ///< per axis, parts + 1 entries
};

/// The block of a grid that is not split.
Block whole_block(std::array<int64_t, 3> shape);

}  // namespace eddyline
