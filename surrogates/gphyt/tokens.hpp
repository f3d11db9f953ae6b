#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include <torch/nn/module.h>

#include "surrogates/gphyt/integrator.hpp"
#include "surrogates/gphyt/positions.hpp"
#include "surrogates/surrogate.hpp"

namespace eddyline {

/// Frames and cells of a patch on T, H, W.
using GphytPatch = std::array<int64_t, 3>;

/// Patches of frames (T, H, W). \throw Error  naming the axis that is no multiple of its patch
GphytCounts patch_counts(std::array<int64_t, 3> frames, GphytPatch patch);

/// Strides along one axis of `layers` convolutions that together make a patch: 2 each, the first
/// ones doubled where that is too little, the last ones 1 where it is too much.
/// \throw Error  if that rule does not reach `patch`, naming `key` and what would
std::vector<int64_t> strides_of(int64_t patch, int64_t layers, std::string const& key);

/// Parameters of one convolution, either way, or of a norm: keys `weight`, `bias`.
class GphytMap final : public torch::nn::Module {
 public:
  GphytMap(std::vector<int64_t> const& shape, int64_t outputs);
  at::Tensor weight, bias;
};

/// One convolution of an end; `norm` and GELU follow unless it is the last.
struct GphytConvolution {
  std::shared_ptr<GphytMap> map;   ///< weight (out, in, k…), transposed (in, out, k…)
  std::shared_ptr<GphytMap> norm;  ///< of each sample and channel over all tokens; may be null
  std::vector<int64_t> stride;
  std::vector<int64_t> padding;
};

/// Patches of cells, (B, n_t, n_h, n_w, F·p_t·p_h·p_w), as frames (B, T, F, H, W).
at::Tensor frames_of_patches(at::Tensor const& values, GphytPatch patch);

/// Frames to tokens.
class GphytTokenizer final : public torch::nn::Module {
 public:
  GphytTokenizer(GphytConfig const& config, int64_t channels);
  /// \param x      (B, T, channels, H, W)
  /// \param cells  how H and W lie on ranks; null: they are whole
  /// \return       (B, n_t, n_h, n_w, C)
  at::Tensor forward(at::Tensor const& x,
                     Precision precision,
                     Sharding const* cells = nullptr) const;
  /// True if a token depends on the cells of its own patch alone.
  bool is_local() const { return local_; }
  /// Input channels.
  int64_t channels() const { return layers_.front().map->weight.size(1); }
  /// The one map, if local.
  GphytMap const& map() const { return *layers_.front().map; }

 private:
  GphytPatch patch_;
  bool local_;
  std::vector<GphytConvolution> layers_;
};

/// Tokens to frames of as many fields as the data have.
class GphytDetokenizer final : public torch::nn::Module {
 public:
  GphytDetokenizer(GphytConfig const& config, int64_t fields);
  /// \param tokens  (B, n_t, n_h, n_w, C)
  /// \param cells   how H and W lie on ranks; null: they are whole
  /// \return        (B, T, F, H, W), or of the last frame alone (B, 1, F, H, W)
  at::Tensor forward(at::Tensor const& tokens,
                     GphytFrames frames,
                     Precision precision,
                     Sharding const* cells = nullptr) const;
  /// True if a frame depends on the tokens of its own time alone.
  bool is_local() const { return local_; }
  int64_t fields() const { return layers_.back().map->bias.size(0); }
  /// If local, the linear map of a token to the newest `frames` of its patch: weight (cells, C) and
  /// bias (cells), fields first.
  std::pair<at::Tensor, at::Tensor> patch_map(int64_t frames) const;

 private:
  at::Tensor forward_local(at::Tensor const& tokens, GphytFrames frames, Precision precision) const;

  GphytPatch patch_;
  bool local_;
  std::vector<GphytConvolution> layers_;
};

}  // namespace eddyline
