#pragma once

#include <memory>

#include "surrogates/gphyt/grouping.hpp"
#include "surrogates/layers/pass.hpp"

namespace eddyline {

/// The pass for dropout on shares (B·g, h, L, M) of whole groups, some of `heads` heads.
/// \param queries  (B·g, h, L, d)
Pass pass_of_heads(Pass pass, at::Tensor const& queries, HeadRange own, int64_t heads);
/// The pass for dropout on shares (B, n·heads, r, n_t) of lines in time.
/// \param numbers  of the n places among those of all ranks
Pass pass_of_lines(Pass pass, at::Tensor const& numbers, int64_t heads);

/// A dropout on the shares of an attention.
struct GphytShareDrop {
  GphytGroups groups;
  double probability = 0;
  uint64_t site = 0;
  Pass pass;
};
/// Its factors where keys go round, as one rank draws them: those of the keys that are there.
/// \param rows   newest times of the queries
/// \param times  of the keys
ShareFactors share_factors(GphytShareDrop const& drop,
                           std::shared_ptr<SplitAttention const> const& split,
                           int64_t rows,
                           int64_t times);

}  // namespace eddyline
