#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "core/mesh.hpp"
#include "data/sharding/axis_parts.hpp"
#include "data/sharding/transposition.hpp"
#include "surrogates/fno/axis_transform.hpp"
#include "surrogates/fno/mode_order.hpp"

namespace eddyline {

/// An axis whose cells are divided over ranks, between them and its kept modes. These join the
/// modes of the axes before, which each rank of the line has alike, and with them are shared out.
/// Collective over the line, backwards too.
class DividedAxis {
 public:
  /// \param transform  of all cells, of own ones where the route is by sums
  /// \param line       how the cells lie on its ranks
  /// \param before     modes of the axes before on each of these ranks
  DividedAxis(
      ModeRoute route, AxisTransform transform, AxisParts line, int64_t before, Flight flight);

  /// \param x  (B, C, modes before, own cells, …), real where the transform takes real values
  /// \return   complex (B, C, own share, …)
  at::Tensor analyse(at::Tensor const& x) const;
  /// \param c  complex (B, C, own share, …)
  /// \return   (B, C, modes before, own cells, …)
  at::Tensor synthesise(at::Tensor const& c) const;
  /// \param all  of all modes of the line, (modes before, modes of the axis)
  /// \return     (own share)
  at::Tensor share_of(at::Tensor const& all) const;

 private:
  /// Modes before and those of the axis as one axis, and apart.
  at::Tensor joined(at::Tensor const& x) const;
  at::Tensor parted(at::Tensor const& c, int64_t before) const;
  Layout channels_of(at::Tensor const& x) const;
  at::Tensor moved(at::Tensor const& x, Layout const& from, Layout const& to) const;

  ModeRoute route_;
  AxisTransform transform_;
  AxisParts line_;
  int64_t before_;
  Flight flight_;
  Layout cells_;          ///< on axis 3
  Layout before_shares_;  ///< of the modes before, on axis 2
  Layout shares_;         ///< of them and those of the axis, on axis 2
  Layout one_each_;       ///< one tensor of each rank, on an axis in front
};

}  // namespace eddyline
