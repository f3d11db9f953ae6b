#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "data/field/grid.hpp"
#include "data/sharding/sharding.hpp"

namespace eddyline {

/// The axes of a grid that have more than one cell. A network whose weights have as many axes is
/// made for them, and runs on every grid with the same live axes, whatever their lengths.
class LiveAxes {
 public:
  /// \throw Error  if every axis has one cell
  explicit LiveAxes(Grid const& grid);

  /// Their numbers (0: D, 1: H, 2: W), ascending; one to three.
  std::vector<size_t> const& axes() const { return axes_; }
  int64_t count() const { return static_cast<int64_t>(axes_.size()); }

  /// \param x         (B, C, D, H, W)
  /// \param sharding  how the cells lie on ranks, of which `x` is this rank's block; null: whole
  /// \return          (B, C, cells of each live axis): a view
  /// \throw Error  if an axis that was live has one cell now, or the other way round
  at::Tensor squeeze(at::Tensor const& x, Sharding const* sharding = nullptr) const;
  /// \param y  (B, C, cells of each live axis)
  /// \return   (B, C, D, H, W): a view
  at::Tensor restore(at::Tensor const& y) const;

 private:
  std::vector<size_t> axes_;
};

}  // namespace eddyline
