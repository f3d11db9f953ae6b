#pragma once

#include <array>
#include <string>

#include <torch/nn/module.h>

#include "surrogates/layers/linear.hpp"
#include "surrogates/layers/split_tokens.hpp"
#include "surrogates/morph/config.hpp"

namespace eddyline {

/// Multi-head attention along one axis of (B, t, gD, gH, gW, E); all other axes are batch.
class AxisAttention final : public torch::nn::Module {
 public:
  AxisAttention(MorphConfig const& config, int64_t axis, uint64_t site);
  /// On an axis of length 1 the softmax is 1 and the result o(v(u)): q and k are not computed, so
  /// they get no gradient, as upstream's. The axis is not divided among ranks.
  at::Tensor forward(at::Tensor const& u, Pass const& pass) const;
  /// The same of whole lines (L, lines, E) of an axis that is divided.
  /// \param split  which lines of the block `u` was
  at::Tensor forward_lines(at::Tensor const& lines,
                           SplitLines const& split,
                           at::Tensor const& u,
                           Pass const& pass) const;

  std::shared_ptr<LoraLinear> q, k, v, o;

 private:
  /// \param axis   of u that is attended along
  /// \param scores  carries the places of the attention's rows
  at::Tensor attend(at::Tensor const& u, int64_t axis, Pass const& pass, Pass const& scores) const;

  int64_t axis_;
  int64_t heads_;
  double dropout_;
  uint64_t site_;
};

/// Time attention (if t > 1), then D, H and W in parallel on its result; that result itself is part
/// of the sum, so the residual stream gets the normalised input a second time.
class AxialAttention final : public torch::nn::Module {
 public:
  AxialAttention(MorphConfig const& config, uint64_t site);
  at::Tensor forward(at::Tensor u, Pass const& pass) const;

  std::shared_ptr<AxisAttention> attn_t, attn_d, attn_h, attn_w;
};

/// One pre-norm block on x (B, t, gD, gH, gW, E).
class MorphBlock final : public torch::nn::Module {
 public:
  MorphBlock(MorphConfig const& config, int64_t index);
  at::Tensor attention(at::Tensor const& x, Pass const& pass) const {
    return axial_attn->forward(norm1->forward(x), pass);
  }
  at::Tensor forward(at::Tensor const& x, at::Tensor const& attention, Pass const& pass) const;

  std::shared_ptr<LayerNorm> norm1;
  std::shared_ptr<AxialAttention> axial_attn;
  std::shared_ptr<LayerNorm> norm2;
  std::shared_ptr<torch::nn::Module> mlp;
  /// The layers "0" and "3" of the MLP.
  LoraLinear const& widen() const { return *widen_; }
  LoraLinear const& narrow() const { return *narrow_; }

 private:
  std::shared_ptr<LoraLinear> widen_, narrow_;
  double dropout_;
  uint64_t site_;
};

}  // namespace eddyline
