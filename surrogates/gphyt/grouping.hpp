#pragma once

#include <array>
#include <functional>

#include <ATen/core/Tensor.h>

#include "surrogates/gphyt/config.hpp"
#include "surrogates/layers/split_attention.hpp"
#include "surrogates/surrogate.hpp"

namespace eddyline {

/// Which tokens meet, and in how many heads.
struct GphytGroups {
  GphytAttentionMode mode;
  int64_t heads;
};

/// softmax(q kᵀ/√d) v of groups that do not meet: q (G, heads, L, d), k and v (G, heads, M, d), the
/// groups of a sample being neighbours. `part` tells the calls of one attention apart: 0, or in
/// causal attention the number of times seen.
using GphytGroupAttention = std::function<at::Tensor(
    at::Tensor const& q, at::Tensor const& k, at::Tensor const& v, uint64_t part)>;

/// Attention by the mode's groups.
///
/// \param qkv  queries (B, r, n, C) of the newest r times; keys and values (B, n_t, n, C), with
///             `spatial` of those r times alone
/// \return     (B, r, n, C)
at::Tensor attend_in_groups(GphytGroups const& groups,
                            std::array<at::Tensor, 3> const& qkv,
                            GphytGroupAttention const& attend);

/// The group attention of some of the heads.
using GphytHeadsAttention = std::function<at::Tensor(
    at::Tensor const& q, at::Tensor const& k, at::Tensor const& v, uint64_t part, HeadRange heads)>;

/// attend_in_groups of tokens that are split, n being this rank's, for the modes in which places
/// meet: all but temporal.
/// \param attend  by heads: of whole groups
/// \param ring    with fewer heads than ranks; its sight is filled in. With `spatial` its batch is
///                B·r, and all is of one time
at::Tensor attend_in_split_groups(GphytGroups const& groups,
                                  std::array<at::Tensor, 3> const& qkv,
                                  SplitAttention const& split,
                                  GphytHeadsAttention const& attend,
                                  RingAttention ring);

/// The group attention itself, products in `precision`, result in q's type.
at::Tensor group_attention(at::Tensor const& q,
                           at::Tensor const& k,
                           at::Tensor const& v,
                           Precision precision);

}  // namespace eddyline
