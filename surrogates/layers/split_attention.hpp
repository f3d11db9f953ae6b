#pragma once

#include <array>
#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>

#include "surrogates/layers/ring_attention.hpp"

namespace eddyline {

/// Some of the heads of an attention: [first, first + count).
struct HeadRange {
  int64_t first = 0;
  int64_t count = 0;
};

/// The attention of some heads over all tokens: queries (B, r, n, h·d), keys and values
/// (B, t, n, h·d) → (B, r, n, h·d), h = heads.count.
using HeadsAttention =
    std::function<at::Tensor(std::array<at::Tensor, 3> const& qkv, HeadRange heads)>;

/// Attention between all tokens of a sample that is split over ranks, each of which holds a block
/// of them at all times.
///
/// With at least as many heads as ranks, tokens are exchanged for heads: every rank gets all tokens
/// of some heads, and the results go back. Of A bytes of queries, keys, values or results a rank
/// sends A(P−1)/P, four times in all, as often again backwards (Jacobs et al. 2023, "DeepSpeed
/// Ulysses", arXiv 2309.14509). With fewer heads, keys and values go round (ring_attention.hpp).
class SplitAttention {
 public:
  /// \param tokens  how they lie on the ranks: the grid counted in patches
  SplitAttention(Sharding const& tokens, int64_t heads);

  bool is_by_heads() const { return heads_ >= ranks_.ranks(); }

  /// \param qkv     queries (B, r, n, heads·d) of the newest r times, keys and values
  ///                (B, t, n, heads·d): of this rank's n tokens
  /// \param attend  by heads: of this rank's heads over all tokens, in the order of one rank
  /// \param ring    otherwise; ranks and flight are filled in
  /// \return        (B, r, n, heads·d)
  at::Tensor operator()(std::array<at::Tensor, 3> const& qkv,
                        HeadsAttention const& attend,
                        RingAttention ring) const;

  /// Numbers of a rank's tokens of one time among all of that time: int64 (n), ascending.
  at::Tensor numbers(int rank) const;
  at::Tensor numbers() const { return numbers(ranks_.rank); }
  /// Tokens of one time on all ranks.
  int64_t total() const { return ranks_.total(); }

 private:
  at::Tensor by_heads(std::array<at::Tensor, 3> const& qkv, HeadsAttention const& attend) const;

  std::array<int, 3> parts_;       ///< ranks on D, H, W
  std::array<AxisParts, 3> axes_;  ///< tokens on them
  AxisParts ranks_;                ///< all that share the sample, with their tokens of one time
  int64_t heads_;
  Flight flight_;
  /// By heads, where all tokens meet on a rank: token of each place where the ranks' are one after
  /// another, and place of each token there. Undefined where they are the same.
  at::Tensor order_, place_;
};

}  // namespace eddyline
