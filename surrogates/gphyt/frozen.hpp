#pragma once

#include <vector>

#include "surrogates/gphyt/frozen_block.hpp"
#include "surrogates/gphyt/frozen_ends.hpp"
#include "surrogates/gphyt/window.hpp"

namespace eddyline {

class Gphyt;

/// GPhyT for forecasts: linear maps multiplied together and laid out once (frozen_ends.hpp,
/// frozen_block.hpp); of the last block and behind it only the newest frame's tokens where only
/// that frame is asked for.
class FrozenGphyt final : public FrozenSurrogate {
 public:
  FrozenGphyt(Gphyt const& network, Precision precision);

  at::Tensor predict(Batch const& batch) const override;
  /// As Gphyt::forward.
  /// \param cells  how H and W lie on ranks; null: they are whole
  at::Tensor forward(at::Tensor const& x, Sharding const* cells = nullptr) const;

 private:
  /// Of samples that are split.
  struct Division {
    Sharding const* cells;
    Sharding patches;
    SplitAttention attention;
  };
  at::Tensor differentiate(at::Tensor const& x, GphytFrames frames, Division const* split) const;

  GphytConfig config_;
  GphytWindow window_;
  FrozenTokenizer tokenizer_;
  at::Tensor table_;  ///< (1, n_t, n_h, n_w, C); undefined with rope
  std::vector<FrozenGphytBlock> blocks_;
  FrozenDetokenizer detokenizer_;
};

}  // namespace eddyline
