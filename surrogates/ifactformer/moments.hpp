#pragma once

#include <ATen/core/Tensor.h>

namespace eddyline {

/// Statistics of each column of each sample, (B, C), float32 (float64 for float64).
struct Moments {
  at::Tensor mean;
  at::Tensor variance;  ///< of the numbers themselves: divided by N, not N − 1
};

/// Over the rows of (B, N, C), without gradient; of no rows 0. On the host: chunks of rows, each
/// around its first one, merged in double precision in the order of the rows, so that neither a
/// large mean nor the number of threads matters; one reading of the data, where a general reduction
/// over a slow axis takes many times that. Source: Chan, Golub & LeVeque 1983, "Algorithms for
/// computing the sample variance", eq. 2.1.
Moments column_moments(at::Tensor const& rows);

}  // namespace eddyline
