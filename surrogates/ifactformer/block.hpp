#pragma once

#include <array>
#include <vector>

#include <torch/nn/module.h>

#include "surrogates/ifactformer/config.hpp"
#include "surrogates/ifactformer/coordinates.hpp"
#include "surrogates/ifactformer/mix_layouts.hpp"
#include "surrogates/layers/linear.hpp"
#include "surrogates/layers/pass.hpp"

namespace eddyline {

/// A map's weight under the key `weight`, and where it has one its bias under `bias`.
class IFactMap final : public torch::nn::Module {
 public:
  /// \param biases  0: none
  explicit IFactMap(std::vector<int64_t> const& shape, int64_t biases = 0);
  at::Tensor weight, bias;
};

/// Means of (B, X, Y, Z, d) over the two other axes of each axis: (B, n, d). Of a sample that is
/// split, u is this rank's block and the means are those of all cells, by one exchange.
std::array<at::Tensor, 3> axis_means(at::Tensor const& u, Sharding const* sharding = nullptr);

/// Tokens of one axis from the means of the field: r = W m (linear, so that means may come first),
/// then LayerNorm and a gated layer, W₂ (GELU(a)·b) with (a, b) = W₁ r. Keys `to_in`,
/// `out_ffn.norm`, `out_ffn.fn.net.0`, `out_ffn.fn.net.3`.
class AxisPool final : public torch::nn::Module {
 public:
  explicit AxisPool(int64_t dim);
  /// \param means   (B, n, d) of what `reduce` acts on
  /// \param reduce  (d, d): to_in, composed with what comes before it
  /// \return        (B, n, d)
  at::Tensor forward(at::Tensor const& means, at::Tensor const& reduce) const;

  std::shared_ptr<IFactMap> to_in;

 private:
  std::shared_ptr<LayerNorm> norm_;
  std::shared_ptr<Linear> widen_, narrow_;
};

/// K = q kᵀ of one axis, without softmax or scale; q and k turned by the axis' coordinates.
/// Keys `to_q.weight`, `to_k.weight`; buffer `pos_emb.inv_freq`, 10000^(−2j/(3e)).
class LowRankKernel final : public torch::nn::Module {
 public:
  explicit LowRankKernel(IFactFormerConfig const& config);
  /// \param tokens  (B, n, d)
  /// \return        (B, h, n, n)
  at::Tensor forward(at::Tensor const& tokens, Rotation const& rotation) const;

  std::shared_ptr<IFactMap> to_q, to_k;
  at::Tensor inv_freq;  ///< (3e/2)

 private:
  at::Tensor heads(at::Tensor const& tokens, IFactMap const& map, Rotation const& rotation) const;
  int64_t heads_;
};

/// What is the same in all iterations of a block, and on all ranks that share a sample.
struct BlockPlan {
  std::array<at::Tensor, 3> reduce;  ///< (d, d): the pools' first layers, times the block's
  std::array<Rotation, 3> rotations;
};

/// One block: B(u) = W₂ GELU(M(u)), M(u) = W₁ IN(attention of LayerNorm(u)), mix.hpp.
class IFactBlock final : public torch::nn::Module {
 public:
  explicit IFactBlock(IFactFormerConfig const& config);
  BlockPlan plan(AxisCoordinates const& coordinates) const;
  /// \param u        (B, N, d), z fastest; of a split sample this rank's
  /// \param kernels  receives those of the three axes, unless null
  /// \return         (B, N, d)
  at::Tensor forward(at::Tensor const& u,
                     BlockPlan const& plan,
                     Pass const& pass,
                     std::array<at::Tensor, 3>* kernels = nullptr) const;
  /// M(u), as forward.
  at::Tensor mix(at::Tensor const& u,
                 BlockPlan const& plan,
                 Pass const& pass,
                 std::array<at::Tensor, 3>* kernels) const;
  /// W₂ (d, d).
  IFactMap const& last() const { return *last_; }

 private:
  MixLayouts layouts_of(BlockPlan const& plan, Pass const& pass) const;

  IFactVariant variant_;
  std::shared_ptr<LayerNorm> in_norm_;
  std::shared_ptr<IFactMap> to_v_, to_in_;
  std::array<std::shared_ptr<AxisPool>, 3> pools_;
  std::array<std::shared_ptr<LowRankKernel>, 3> kernels_;
  std::shared_ptr<IFactMap> mix_, last_;
};

}  // namespace eddyline
