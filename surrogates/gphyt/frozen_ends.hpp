#pragma once

#include <memory>

#include "surrogates/gphyt/tokens.hpp"
#include "surrogates/layers/packed_linear.hpp"

namespace eddyline {

/// Frames and their differences to tokens. One linear map a patch is one product over gathered
/// patches. In float32 differences in space are folded into its weights, which then act on patches
/// with one further cell on every side: a difference takes from the weights of two cells what it
/// gave to one. In bfloat16 they are not, since cells would be rounded before they are subtracted.
/// Overlapping patches and stacks of convolutions run as in the network, on copied weights: a
/// convolution's zero padding of differences is none of the cells, and norms are not linear.
class FrozenTokenizer {
 public:
  FrozenTokenizer(GphytTokenizer const& tokenizer, GphytConfig const& config, Precision precision);
  /// \param x      (B, T, F, H, W)
  /// \param times  newest token times that are wanted; all are given where patches are not local
  /// \param cells  how H and W lie on ranks; null: they are whole
  /// \return       (B, n_t, n_h, n_w, C)
  at::Tensor forward(at::Tensor const& x, int64_t times, Sharding const* cells = nullptr) const;

 private:
  at::Tensor forward_folded(at::Tensor const& x, int64_t times, Sharding const* sharding) const;
  void fold(at::Tensor const& weight, at::Tensor const& bias);

  GphytConfig config_;
  Precision precision_;
  bool folds_ = false;
  PackedLinear map_;                               ///< of a patch; undefined unless local
  std::shared_ptr<GphytTokenizer const> network_;  ///< null if local
};

/// Tokens to frames: one product a patch, of the newest frame alone where that is asked for.
/// Overlapping patches and stacks of convolutions run as in the network, on copied weights.
class FrozenDetokenizer {
 public:
  FrozenDetokenizer(GphytDetokenizer const& detokenizer,
                    GphytConfig const& config,
                    Precision precision);
  /// As GphytDetokenizer::forward.
  at::Tensor forward(at::Tensor const& tokens,
                     GphytFrames frames,
                     Sharding const* cells = nullptr) const;
  bool is_local() const { return !network_; }

 private:
  GphytPatch patch_;
  Precision precision_;
  PackedLinear all_, last_;  ///< of a patch, of its newest frame; undefined unless local
  std::shared_ptr<GphytDetokenizer const> network_;  ///< null if local
};

}  // namespace eddyline
