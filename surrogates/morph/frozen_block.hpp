#pragma once

#include <array>
#include <memory>
#include <optional>

#include "surrogates/layers/packed_linear.hpp"
#include "surrogates/layers/split_tokens.hpp"
#include "surrogates/morph/block.hpp"

namespace eddyline {

/// Which frames a block gives: all, or the newest, where nothing behind it reads the others.
enum class FramesKept { all, newest };

/// What a frozen block is folded for.
struct BlockFold {
  std::array<bool, 3> live;     ///< axes D, H, W of more than one patch
  std::array<bool, 3> divided;  ///< among ranks
  bool has_past = false;        ///< more than one frame
  FramesKept kept = FramesKept::all;
  Precision precision = Precision::fp32;
};

/// A MorphBlock for forecasts: one product gives queries, keys and values of all live axes, one
/// product sums their outputs. On an axis of length 1 attention is o(v(u)), linear in u: those maps
/// are added up and go into the second product.
class FrozenMorphBlock {
 public:
  /// \param block  whose norms are kept, so it must be nobody else's
  FrozenMorphBlock(std::shared_ptr<MorphBlock const> block, int64_t heads, BlockFold const& fold);
  /// \param x        (B, t, gD, gH, gW, E)
  /// \param patches  how they lie on ranks; null: whole
  /// \return         the same, t = 1 where the newest frame is kept
  at::Tensor forward(at::Tensor const& x, Sharding const* patches = nullptr) const;

 private:
  at::Tensor kept(at::Tensor const& x) const;
  at::Tensor attend_time(at::Tensor const& u) const;
  /// What `out_` maps to the sum of all axes' outputs.
  at::Tensor attend_space(at::Tensor const& u, Sharding const* patches) const;
  /// Starts the attention along divided axes: lines travel while the others are computed.
  std::array<std::optional<SplitLines>, 3> split_lines(at::Tensor const& u,
                                                       Sharding const* patches) const;
  at::Tensor attend_line(at::Tensor const& lines, size_t axis) const;

  std::shared_ptr<MorphBlock const> block_;
  int64_t heads_;
  BlockFold fold_;
  PackedLinear time_query_, time_key_value_, time_out_;
  PackedLinear query_key_value_;  ///< E → 3E for each live axis that is not divided
  std::array<PackedLinear, 3> line_query_key_value_;  ///< E → 3E of each that is
  PackedLinear out_;                                  ///< what attend_space joins → E
  PackedLinear widen_, narrow_;
};

/// Multi-head attention along one axis of rows of tokens; all other axes are batch.
/// \param query  (B, t, gD, gH, gW, E); tokens one after another, each of contiguous features
/// \param key    the same but for the length of the axis; so is `value`
/// \param out    as the query; receives the result
void attend_along(int64_t axis,
                  int64_t heads,
                  std::array<at::Tensor, 3> const& query_key_value,
                  at::Tensor const& out);

}  // namespace eddyline
