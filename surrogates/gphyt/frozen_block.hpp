#pragma once

#include "surrogates/gphyt/block.hpp"
#include "surrogates/layers/packed_linear.hpp"

namespace eddyline {

/// Whether a block may be asked for its newest times alone.
enum class FrozenRows { all, newest };

/// A block with its linear maps multiplied together once: the scale and shift of each norm and the
/// map behind it, and the two maps before attention. With rope the rotation of queries and keys
/// lies between those two, so that only the values' are one.
class FrozenGphytBlock {
 public:
  FrozenGphytBlock(GphytBlock const& block,
                   GphytConfig const& config,
                   FrozenRows rows,
                   Precision precision);
  /// As GphytBlock::forward.
  at::Tensor forward(at::Tensor const& h,
                     int64_t rows,
                     GphytRotation const& rotation,
                     SplitAttention const* split = nullptr) const;

 private:
  std::array<at::Tensor, 3> project(at::Tensor const& h,
                                    int64_t rows,
                                    GphytRotation const& rotation) const;

  GphytGroups groups_;
  bool turns_;
  Precision precision_;
  PackedLinear query_key_value_;    ///< (3C, C); with rope those before the rotation, and values
  PackedLinear query_, key_value_;  ///< the same in two, for fewer queries than keys
  PackedLinear turned_query_, turned_key_;  ///< with rope, behind the rotation
  PackedLinear out_, widen_, narrow_;
};

}  // namespace eddyline
