#include "surrogates/gphyt/frozen.hpp"

#include <optional>

#include <ATen/ATen.h>

#include "surrogates/gphyt/gphyt.hpp"

namespace eddyline {

FrozenGphyt::FrozenGphyt(Gphyt const& network, Precision precision)
    : config_(network.settings()),
      window_(network.window()),
      tokenizer_(network.tokenizer(), config_, precision),
      detokenizer_(network.detokenizer(), config_, precision) {
  if (network.table()) {
    table_ = network.table()->pe.detach().clone();
  }
  for (auto const& block : network.blocks()) {
    bool const is_last = block == network.blocks().back();
    blocks_.emplace_back(*block,
                         config_,
                         is_last && detokenizer_.is_local() ? FrozenRows::newest : FrozenRows::all,
                         precision);
  }
}

at::Tensor FrozenGphyt::differentiate(at::Tensor const& x,
                                      GphytFrames frames,
                                      Division const* split) const {
  auto const* const cells = split ? split->cells : nullptr;
  auto const* const patches = split ? &split->patches : nullptr;
  auto const times = config_.history / config_.time_patch;
  bool const newest = frames == GphytFrames::last && detokenizer_.is_local();
  bool const alone = newest && config_.attention == GphytAttentionMode::spatial;
  auto tokens = tokenizer_.forward(x, alone ? 1 : times, cells);
  auto const given = tokens.size(1), high = tokens.size(2), wide = tokens.size(3);
  GphytRotation turn;
  if (table_.defined()) {
    tokens = tokens + own_rows(table_, patches).narrow(1, times - given, given);
  } else {
    turn = rotation({times, high, wide}, tokens.size(4), tokens.options(), patches).last(given);
  }
  auto h = tokens.flatten(2, 3);  // (B, n_t, n, C)
  for (auto const& block : blocks_) {
    h = block.forward(h,
                      newest && &block == &blocks_.back() ? 1 : h.size(1),
                      turn,
                      split ? &split->attention : nullptr);
  }
  return detokenizer_.forward(h.unflatten(2, {high, wide}), frames, cells);
}

at::Tensor FrozenGphyt::forward(at::Tensor const& x, Sharding const* cells) const {
  window_.check(x, cells);
  std::optional<Division> split;
  if (cells) {
    auto const patches = window_.in_patches(*cells);
    split.emplace(Division{cells, patches, SplitAttention(patches, shape_of(config_).num_heads)});
  }
  return integrate(step_of(config_), x, [&](at::Tensor const& at_x, GphytFrames frames) {
    return differentiate(at_x, frames, split ? &*split : nullptr);
  });
}

at::Tensor FrozenGphyt::predict(Batch const& batch) const {
  at::NoGradGuard const no_grad;
  return window_.leave(forward(window_.enter(batch), GphytWindow::cells_of(batch).get()));
}

}  // namespace eddyline
