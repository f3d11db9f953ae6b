#pragma once

#include <array>

#include <torch/nn/module.h>

#include "data/sharding/sharding.hpp"
#include "surrogates/gphyt/config.hpp"

namespace eddyline {

/// Patches along time, H and W.
using GphytCounts = std::array<int64_t, 3>;

/// Learned table `pe` (1, n_t, n_h, n_w, C), added to the tokens once.
class GphytTable final : public torch::nn::Module {
 public:
  GphytTable(GphytCounts counts, int64_t dim);

  at::Tensor pe;
};

/// Angles of a rotary encoding as cosines and sines: (n_t, n_h·n_w, 3, C/6), the three thirds of
/// the width being turned by time, W index and H index.
struct GphytRotation {
  at::Tensor cosine, sine;

  bool is_identity() const { return !cosine.defined(); }
  /// Of the last `rows` times.
  GphytRotation last(int64_t rows) const;
};

/// This rank's rows of a table (1, n_t, n_h, n_w, C); null: all.
at::Tensor own_rows(at::Tensor const& table, Sharding const* patches);

/// 10000^(−2j/d), j = 0 … d/2 − 1: float32, as upstream's buffers.
at::Tensor rotation_frequencies(int64_t d, at::TensorOptions const& options);

/// Angle of index p and pair j of d/2, d = C/3: p · 10000^(−2j/d).
/// \param counts   of this rank
/// \param patches  how they lie on ranks; null: they are whole
GphytRotation rotation(GphytCounts counts,
                       int64_t dim,
                       at::TensorOptions const& options,
                       Sharding const* patches = nullptr);

/// Turns each third (a, b) of halves to (a cos − b sin, b cos + a sin), over the whole width,
/// before it is divided into heads. \param u  (B, n_t, n, C)
at::Tensor rotate(at::Tensor const& u, GphytRotation const& rotation);

}  // namespace eddyline
