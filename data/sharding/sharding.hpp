#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "core/mesh.hpp"
#include "data/field/decomposition.hpp"
#include "data/sharding/axis_parts.hpp"

namespace eddyline {

/// How the cells of a sample lie on the ranks that share it: what a network needs to know to work
/// on its block as if it had the whole.
class Sharding {
 public:
  /// \param cells  of the whole grid on D, H, W
  /// \param align  blocks begin at multiples of it: the network's patch, 1 on axes of length 1
  /// \throw Error  if an axis cannot be divided so, naming what works
  Sharding(std::shared_ptr<Mesh const> mesh,
           std::array<int64_t, 3> cells,
           std::array<int64_t, 3> align = {1, 1, 1});

  /// The cells of this rank.
  Block const& block() const { return block_; }
  AxisParts const& axis(size_t a) const { return axes_[a]; }
  bool is_divided() const { return mesh_->is_split(); }
  /// Of all ranks that share the sample; null if one has it alone.
  Mesh::Group const& group() const { return mesh_->group(); }
  Flight flight() const { return mesh_->flight(); }
  Mesh const& mesh() const { return *mesh_; }

  /// The same division counted in patches.
  /// \throw Error  if a block is no multiple of the patch, naming axis and sizes
  Sharding in_patches(std::array<int64_t, 3> patch) const;
  /// The division of another grid over the same ranks. \throw Error  as the constructor
  Sharding division_of(std::array<int64_t, 3> cells, std::array<int64_t, 3> align) const {
    return {mesh_, cells, align};
  }
  /// The division of a box of the grid, as a grid of its own, where each cell stays on its rank.
  /// \throw Bug  if a rank holds none of them
  Sharding part(Box const& box) const;

 private:
  std::shared_ptr<Mesh const> mesh_;
  Block block_;
  std::array<AxisParts, 3> axes_;
};

}  // namespace eddyline
