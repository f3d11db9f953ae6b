#include "surrogates/gphyt/export.hpp"

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "surrogates/gphyt/positions.hpp"

namespace eddyline {
namespace {

/// (F, 1, 3, 1, 1) and the same along the two other axes: (-1, 0, 1) for every field.
void append_filters(StateDict& state, int64_t fields) {
  auto const row = at::tensor({-1.0F, 0.0F, 1.0F});
  for (int64_t axis = 0; axis < 3; ++axis) {
    std::vector<int64_t> shape = {1, 1, 1, 1, 1};
    shape[static_cast<size_t>(axis) + 2] = 3;
    state.emplace_back(concat("derivatives.d", "thw"[axis], "_filter"),
                       row.view(shape).repeat({fields, 1, 1, 1, 1}));
  }
}

/// (N, N), true where the key's time is after the query's. Tokens are in the order of time, H, W.
at::Tensor causal_mask(GphytConfig const& config, std::array<int64_t, 3> const& cells) {
  auto const times = config.history / config.time_patch;
  auto const places = cells[1] / config.patch[1] * (cells[2] / config.patch[2]);
  auto const time = at::arange(times, at::kLong).repeat_interleave(places);
  return time.unsqueeze(0) > time.unsqueeze(1);
}

}  // namespace

StateDict gphyt_extra_state(Surrogate const& network,
                            SurrogateSpec const& spec,
                            std::vector<std::string>& report) {
  auto const& config = dynamic_cast<Gphyt const&>(network).settings();
  StateDict state;
  if (config.derivatives) {
    append_filters(state, spec.input_fields.channels());
  }
  state.emplace_back(
      "tokenizer.patch_size",
      at::tensor(std::vector<int64_t>{config.time_patch, config.patch[1], config.patch[2]},
                 at::kLong));
  bool const causal = config.attention == GphytAttentionMode::full_causal;
  bool const knows_grid = spec.grid.dimensions() == 2;
  auto const shape = shape_of(config);
  for (int64_t layer = 0; layer < shape.num_layers; ++layer) {
    auto const attention = concat("attention_blocks.", layer, ".attention.");
    if (causal && knows_grid) {
      state.emplace_back(attention + "mask", causal_mask(config, spec.grid.shape()));
    } else if (causal) {
      report.push_back(concat("missing     ", attention, "mask: the network is of no one grid"));
    }
    if (config.positions == GphytPositions::rope) {
      auto const frequencies = rotation_frequencies(shape.hidden_dim / 3, at::TensorOptions());
      state.emplace_back(attention + "pe.time_inv_freq", frequencies);
      state.emplace_back(attention + "pe.spatial_inv_freq", frequencies.clone());
    }
  }
  return state;
}

}  // namespace eddyline
