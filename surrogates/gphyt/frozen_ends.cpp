#include "surrogates/gphyt/frozen_ends.hpp"

#include <ATen/ATen.h>

#include "data/sharding/collectives.hpp"
#include "surrogates/gphyt/block.hpp"
#include "surrogates/gphyt/derivatives.hpp"
#include "surrogates/layers/copy_values.hpp"

namespace eddyline {
namespace {

/// Patches with `halo` further cells on both sides along H and W, for x (B, T, F, H, W) that has
/// them at its borders, too: a view (B, n_t, n_h, n_w, F, p_t, p_h + 2 halo, p_w + 2 halo).
at::Tensor patches(at::Tensor const& x, GphytPatch const& patch, int64_t halo) {
  return x.unfold(1, patch[0], patch[0])
      .unfold(3, patch[1] + 2 * halo, patch[1])
      .unfold(4, patch[2] + 2 * halo, patch[2])
      .permute({0, 1, 3, 4, 2, 5, 6, 7});
}

/// x with the cells at the borders of H and W repeated once, or those of the neighbouring ranks.
at::Tensor with_border(at::Tensor const& x, Sharding const* cells) {
  if (cells) {
    auto const high = with_halo(x, 3, cells->axis(1), {1, 1}, Border::replicate);
    return with_halo(high, 4, cells->axis(2), {1, 1}, Border::replicate);
  }
  return at::replication_pad2d(x.flatten(0, 1), {1, 1, 1, 1}).unflatten(0, {x.size(0), x.size(1)});
}

}  // namespace

FrozenTokenizer::FrozenTokenizer(GphytTokenizer const& tokenizer,
                                 GphytConfig const& config,
                                 Precision precision)
    : config_(config), precision_(precision) {
  if (!tokenizer.is_local()) {
    auto const copy = std::make_shared<GphytTokenizer>(config, tokenizer.channels());
    copy_values(tokenizer, *copy);
    network_ = copy;
    return;
  }
  auto const& weight = tokenizer.map().weight;
  folds_ = config.derivatives && config.differences == GphytDifferences::fp32 &&
           precision == Precision::fp32;
  if (folds_) {
    fold(weight, tokenizer.map().bias);
  } else {
    map_ = PackedLinear(weight.flatten(1), tokenizer.map().bias, precision);
  }
}

/// Of weights (C, 4F, p_t, p_h, p_w) for cells and their differences in time, along H and along W.
void FrozenTokenizer::fold(at::Tensor const& weight, at::Tensor const& bias) {
  auto const parts = weight.detach().to(at::kDouble).chunk(4, 1);
  auto const high = weight.size(3), wide = weight.size(4);
  auto whole = at::constant_pad_nd(parts[0], {1, 1, 1, 1});
  auto const at_place = [&](int64_t h, int64_t w) {
    return whole.narrow(3, h, high).narrow(4, w, wide);
  };
  at_place(2, 1).add_(parts[2]);
  at_place(0, 1).sub_(parts[2]);
  at_place(1, 2).add_(parts[3]);
  at_place(1, 0).sub_(parts[3]);
  map_ = PackedLinear(at::cat({whole.flatten(1), parts[1].flatten(1)}, 1).to(weight.scalar_type()),
                      bias);
}

at::Tensor FrozenTokenizer::forward_folded(at::Tensor const& x,
                                           int64_t times,
                                           Sharding const* sharding) const {
  GphytPatch const patch = {config_.time_patch, config_.patch[1], config_.patch[2]};
  auto const frames = times * patch[0];
  auto const cells = patches(with_border(newest(x, frames), sharding), patch, 1);
  auto const steps = patches(newest(time_differences(x), frames), patch, 0);
  auto const of_cells = cells.numel() / (cells.size(0) * times * cells.size(2) * cells.size(3));
  auto const of_steps = steps.numel() / (cells.numel() / of_cells);
  auto const rows = at::empty(
      {cells.size(0), times, cells.size(2), cells.size(3), of_cells + of_steps}, x.options());
  rows.narrow(4, 0, of_cells).unflatten(4, cells.sizes().slice(4)).copy_(cells);
  rows.narrow(4, of_cells, of_steps).unflatten(4, steps.sizes().slice(4)).copy_(steps);
  return map_.forward(rows);
}

at::Tensor FrozenTokenizer::forward(at::Tensor const& x,
                                    int64_t times,
                                    Sharding const* cells) const {
  if (folds_) {
    return forward_folded(x, times, cells);
  }
  auto const input =
      config_.derivatives ? at::cat({x, differences(x, config_.differences, cells)}, 2) : x;
  if (network_) {
    return network_->forward(input, precision_, cells);
  }
  GphytPatch const patch = {config_.time_patch, config_.patch[1], config_.patch[2]};
  return map_.forward(patches(newest(input, times * patch[0]), patch, 0).flatten(4));
}

FrozenDetokenizer::FrozenDetokenizer(GphytDetokenizer const& detokenizer,
                                     GphytConfig const& config,
                                     Precision precision)
    : patch_{config.time_patch, config.patch[1], config.patch[2]}, precision_(precision) {
  if (!detokenizer.is_local()) {
    auto const copy = std::make_shared<GphytDetokenizer>(config, detokenizer.fields());
    copy_values(detokenizer, *copy);
    network_ = copy;
    return;
  }
  auto const pack = [&](int64_t frames) {
    auto const [weight, bias] = detokenizer.patch_map(frames);
    return PackedLinear(weight, bias, precision);
  };
  all_ = pack(patch_[0]);
  last_ = pack(1);
}

at::Tensor FrozenDetokenizer::forward(at::Tensor const& tokens,
                                      GphytFrames frames,
                                      Sharding const* cells) const {
  if (network_) {
    return network_->forward(tokens, frames, precision_, cells);
  }
  bool const last = frames == GphytFrames::last;
  auto const values = last ? last_.forward(newest(tokens, 1)) : all_.forward(tokens);
  return frames_of_patches(values, {last ? 1 : patch_[0], patch_[1], patch_[2]});
}

}  // namespace eddyline
