#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "surrogates/climax/block.hpp"
#include "surrogates/climax/domain.hpp"
#include "surrogates/climax/tokens.hpp"
#include "surrogates/layers/packed_attention.hpp"
#include "surrogates/layers/packed_linear.hpp"
#include "surrogates/surrogate.hpp"

namespace eddyline {

class Climax;

/// A ClimaxBlock for forecasts.
class FrozenClimaxBlock {
 public:
  FrozenClimaxBlock(ClimaxBlock const& block, int64_t heads, Precision precision);
  /// \param x  (B, n, D)
  at::Tensor forward(at::Tensor const& x, SplitAttention const* split) const;

 private:
  int64_t heads_;
  Precision precision_;
  std::shared_ptr<LayerNorm const> norm1_, norm2_;
  PackedLinear qkv_, proj_, fc1_, fc2_;
};

/// ClimaX for forecasts (specification, section 13): the attention over the input variables folded
/// once, the head's rows of the output variables alone, packed products. Safe to call from several
/// threads.
class FrozenClimax final : public FrozenSurrogate {
 public:
  FrozenClimax(Climax const& climax, Precision precision);
  /// \throw Error  as Climax::predict
  at::Tensor predict(Batch const& batch) const override;

 private:
  /// Tokens with positions (B·T, n, D): what does not depend on the lead time.
  at::Tensor embed(at::Tensor const& frames, Sharding const* patches) const;
  at::Tensor decode(at::Tensor const& x,
                    std::array<int64_t, 3> shape,
                    Sharding const* patches) const;
  /// Positions of the patches of H × W cells and the lead time's bias, (1, n, D).
  at::Tensor positions(std::array<int64_t, 2> cells, Sharding const* patches) const;
  /// The rows of a projection's head for this rank's part of H × W cells.
  PackedLinear projection(std::array<int64_t, 2> cells, Sharding const* patches) const;

  ClimaxDomain domain_;
  int64_t dim_, heads_;
  Precision precision_;
  VariableAttention variables_;
  PackedLinear aggregated_;
  at::Tensor table_, lead_weight_, lead_bias_;
  std::vector<FrozenClimaxBlock> blocks_;
  std::shared_ptr<LayerNorm const> norm_;
  std::vector<PackedLinear> head_;
  /// Of a projection, else undefined; so is the next.
  at::Tensor map_weight_, map_bias_, time_positions_, time_query_;
  std::shared_ptr<PackedAttention const> time_attention_;

  mutable std::mutex mutex_;  ///< of what is remembered of the newest block of patches:
  mutable std::pair<Block, at::Tensor> positions_;
  mutable std::pair<Block, PackedLinear> projection_;
};

}  // namespace eddyline
