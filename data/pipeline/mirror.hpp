#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "data/field/field_set.hpp"
#include "data/field/grid.hpp"

namespace eddyline {

/// Which of the axes D, H, W a sample is mirrored along.
using Flips = std::array<bool, 3>;

/// Draws the axes along which samples of a training are mirrored (data.flips), each with
/// probability 1/2.
class Mirror {
 public:
  /// Along none.
  Mirror() = default;
  /// \throw Error  naming an axis that the grid does not have, or along which it does not mirror
  ///               into itself: uneven cells, or one end unlike the other
  Mirror(std::vector<std::string> const& axes, Grid const& grid);

  bool is_none() const { return axes_.empty(); }
  /// Of (seed, epoch) and a sample's number alone; one for each sample.
  std::vector<Flips> draw(std::vector<int64_t> const& samples, uint64_t seed, int64_t epoch) const;

 private:
  std::vector<size_t> axes_;
};

/// What the channels of a mirrored sample are multiplied by, (C, 1, 1, 1): -1 for components of
/// vectors and tensors that point along one of those axes once. A mirrored flow obeys the same
/// equations where nothing tells left from right. Not for pseudo-vectors (a vorticity), whose sign
/// would change the other way.
at::Tensor mirror_signs(FieldSet const& fields, Grid const& grid, Flips const& flips);

}  // namespace eddyline
