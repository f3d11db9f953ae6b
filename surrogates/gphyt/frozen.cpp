#include "surrogates/gphyt/frozen.hpp"

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

at::Tensor FrozenGphyt::differentiate(at::Tensor const& x, GphytFrames frames) const {
  auto const times = config_.history / config_.time_patch;
  bool const newest = frames == GphytFrames::last && detokenizer_.is_local();
  bool const alone = newest && config_.attention == GphytAttentionMode::spatial;
  auto tokens = tokenizer_.forward(x, alone ? 1 : times);
  auto const given = tokens.size(1), high = tokens.size(2), wide = tokens.size(3);
  GphytRotation turn;
  if (table_.defined()) {
    tokens = tokens + table_.narrow(1, times - given, given);
  } else {
    turn = rotation({times, high, wide}, tokens.size(4), tokens.options()).last(given);
  }
  auto h = tokens.flatten(2, 3);  // (B, n_t, n, C)
  for (auto const& block : blocks_) {
    h = block.forward(h, newest && &block == &blocks_.back() ? 1 : h.size(1), turn);
  }
  return detokenizer_.forward(h.unflatten(2, {high, wide}), frames);
}

at::Tensor FrozenGphyt::forward(at::Tensor const& x) const {
  window_.check(x);
  return integrate(step_of(config_), x, [this](at::Tensor const& at_x, GphytFrames frames) {
    return differentiate(at_x, frames);
  });
}

at::Tensor FrozenGphyt::predict(Batch const& batch) const {
  return window_.leave(forward(window_.enter(batch)));
}

}  // namespace eddyline
