#pragma once

#include "surrogates/layers/packed_attention.hpp"

namespace eddyline {

/// Pooling by attention with one learned query. The query is the same for all tokens, so it is
/// folded into the keys' projection, and keys need only dim → heads.
struct QueryPool {
  PackedAttention const& attention;
  at::Tensor query;  ///< E values in any shape
  int64_t heads = 1;

  /// The projected query of each head, over √(E/heads): (heads, 1, E/heads).
  at::Tensor projected_query() const;
  /// What a token is multiplied with to give its scores, but for the keys' bias (the same for all
  /// tokens, so a softmax does not see it): (heads, E).
  at::Tensor key_map(at::Tensor const& projected_query) const;
  /// The attention's output, the axis gone.
  /// \param tokens  (…, E)
  /// \param axis    of the tokens, from the front: those that are attended to
  at::Tensor pool(at::Tensor const& tokens, int64_t axis, Pass const& pass) const;
};

}  // namespace eddyline
