#pragma once

#include <functional>

#include <torch/nn/module.h>

#include "surrogates/climax/config.hpp"
#include "surrogates/layers/linear.hpp"
#include "surrogates/layers/split_attention.hpp"

namespace eddyline {

/// softmax(q kᵀ/√d) v of (B, heads, n, d) each.
using AttentionOfHeads =
    std::function<at::Tensor(at::Tensor const& q, at::Tensor const& k, at::Tensor const& v)>;
/// Multi-head attention over all tokens, but for the layers before and behind it.
/// \param qkv    (B, n, 3D): query, key and value, in each the heads one after another
/// \param split  of samples that are split, n tokens being this rank's; null: whole
/// \param precision  of the products where keys go round the ranks
/// \return       (B, n, D)
at::Tensor attend_to_tokens(at::Tensor const& qkv,
                            int64_t heads,
                            AttentionOfHeads const& attend,
                            SplitAttention const* split,
                            Precision precision);

/// Multi-head attention over all tokens; keys `qkv` (rows query, key, value; then heads), `proj`.
class ClimaxAttention final : public torch::nn::Module {
 public:
  ClimaxAttention(int64_t dim, int64_t heads);
  /// \param x  (B, n, D)
  at::Tensor forward(at::Tensor const& x,
                     Pass const& pass,
                     SplitAttention const* split = nullptr) const;

  std::shared_ptr<Linear> qkv, proj;

 private:
  int64_t heads_;
};

/// Two layers with an exact GELU between; keys `fc1`, `fc2`.
class ClimaxMlp final : public torch::nn::Module {
 public:
  ClimaxMlp(int64_t dim, int64_t hidden);

  std::shared_ptr<Linear> fc1, fc2;
};

/// Pre-norm block of a vision transformer on x (B, n, D): x += attention(norm1 x), x += mlp(norm2
/// x). Source: Dosovitskiy et al. 2021, "An image is worth 16x16 words", arXiv 2010.11929, eqs.
/// 2-3; stochastic depth: Huang et al. 2016, arXiv 1603.09382.
class ClimaxBlock final : public torch::nn::Module {
 public:
  /// \param index  place in the network: drop_path rises linearly from 0 to the last block's
  ClimaxBlock(ClimaxConfig const& config, int64_t index);
  /// \param split  of samples that are split, x being this rank's tokens; null: whole
  at::Tensor forward(at::Tensor const& x,
                     Pass const& pass,
                     SplitAttention const* split = nullptr) const;

  std::shared_ptr<LayerNorm> norm1;
  std::shared_ptr<ClimaxAttention> attn;
  std::shared_ptr<LayerNorm> norm2;
  std::shared_ptr<ClimaxMlp> mlp;

 private:
  double dropout_, drop_path_;
  uint64_t site_;
};

/// Zeroes whole rows of the batch with probability `p` while training and divides the rest by 1 −
/// p.
at::Tensor drop_rows(at::Tensor const& x, double p, uint64_t site, Pass const& pass);

}  // namespace eddyline
