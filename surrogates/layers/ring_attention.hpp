#pragma once

#include <array>
#include <functional>

#include <ATen/core/Tensor.h>

#include "data/sharding/sharding.hpp"
#include "surrogates/surrogate.hpp"

namespace eddyline {

/// Which keys a query meets: all, or those of its own time and of earlier ones.
enum class Sight { all, past };

/// Factors of a dropout on the shares of this rank's queries in the keys of rank `source`:
/// (B, heads, r·n, t·m).
using ShareFactors = std::function<at::Tensor(int source)>;

/// Attention of this rank's queries over the keys and values of all ranks, which go round a ring:
/// only those of one rank are here at a time, and the softmax is summed up as they come. Nothing is
/// kept of them; backwards they go round again, and their gradients with them.
///
/// Of A bytes of keys (as many of values) a rank sends 2(P−1)A, and 4(P−1)A backwards.
/// Source: Liu et al. 2023, "Ring attention with blockwise transformers", arXiv 2310.01889; the
/// sum: Milakov & Gimelshein 2018, "Online normalizer calculation for softmax", arXiv 1805.02867.
struct RingAttention {
  AxisParts ranks;  ///< tokens of each at one time
  Sight sight = Sight::all;
  Precision precision = Precision::fp32;  ///< of the products
  Flight flight = Flight::as_computed;    ///< of keys and values; their gradients go as computed
  ShareFactors factors;                   ///< none: nothing is dropped

  /// softmax(q kᵀ/√d) v.
  /// \param qkv  queries (B, r, n, heads, d) of the newest r times, keys and values
  ///             (B, t, n, heads, d), n = ranks.own()
  /// \return     (B, r, n, heads, d)
  at::Tensor operator()(std::array<at::Tensor, 3> const& qkv) const;
};

}  // namespace eddyline
