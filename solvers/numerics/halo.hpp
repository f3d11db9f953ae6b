#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include <mpi.h>

#include "core/communicator.hpp"
#include "data/field/decomposition.hpp"

namespace eddyline {

/// What lies beyond the ends of an axis of the whole grid.
enum class HaloEdge {
  none,      ///< nothing: this axis gets no halo
  mirror,    ///< the cells themselves in reverse order: no flux through the edge
  periodic,  ///< the other end
};

enum class Side { low = 0, high = 1 };

/// The cells next to a block that neighbouring ranks own: for each axis and side a face of `width`
/// layers, without corners (stencils along the axes need none). The block itself is not copied, and
/// the faces travel between begin() and finish(), while the inner cells can be computed.
class Halo {
 public:
  /// \param block     of this rank; ranks are numbered as Decomposition does
  /// \param channels  fields that travel together
  /// \param width     layers, >= 1
  /// \throw Error     on all ranks, if a block is thinner than `width` on an axis with a halo.
  /// Collective.
  Halo(Block const& block,
       int64_t channels,
       int64_t width,
       std::array<HaloEdge, 3> edges,
       Communicator const& ranks);
  Halo(Halo const&) = delete;
  Halo& operator=(Halo const&) = delete;

  /// Sends this rank's edge cells on their way.
  /// \param values  (channels, D, H, W) of the block; may be changed only after finish()
  void begin(std::span<double const> values);
  /// Waits until all faces are there.
  void finish();
  /// (channels, D, H, W) with the length `width` on `axis`, layers in grid order; empty for edge
  /// `none`.
  std::span<double const> face(int axis, Side side) const { return faces_[index(axis, side)]; }

 private:
  static size_t index(int axis, Side side) {
    return static_cast<size_t>(2 * axis + static_cast<int>(side));
  }
  void pack(std::span<double const> values, int axis, Side side);
  void mirror(std::span<double const> values, int axis, Side side);

  std::array<int64_t, 3> size_;
  int64_t channels_;
  int64_t width_;
  std::array<int, 6> neighbours_;  ///< rank beyond each side; -1 where the grid mirrors or ends
  std::array<HaloEdge, 3> edges_;
  MPI_Comm communicator_;
  std::array<std::vector<double>, 6> faces_;
  std::array<std::vector<double>, 6> outgoing_;
  std::vector<MPI_Request> requests_;
};

}  // namespace eddyline
