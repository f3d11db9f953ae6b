#include "surrogates/ifactformer/window.hpp"

#include <ATen/ATen.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

std::string size_text(at::IntArrayRef cells) {
  return concat(cells[0], " x ", cells[1], " x ", cells[2]);
}

}  // namespace

IFactWindow::IFactWindow(IFactFormerConfig const& config, SurrogateSpec const& spec)
    : history_(config.history),
      channels_(spec.input_fields.channels()),
      grid_(spec.grid),
      map_(config, spec.grid) {
  require(channels_ > 0 && config.dim / 2 % channels_ == 0,
          "model.dim is ",
          config.dim,
          ", but half of it is no multiple of the ",
          channels_,
          " input channels; set model.dim to a multiple of ",
          2 * channels_);
}

Grid const& IFactWindow::grid_of(Batch const& batch) const {
  auto const& input = batch.input;
  require(input.size(1) == history_ && input.size(2) == channels_,
          "the batch has ",
          input.size(1),
          " input frames of ",
          input.size(2),
          " channels; the network takes ",
          history_,
          " (model.history) of ",
          channels_);
  auto const cells = input.sizes().slice(3);
  auto const& grid = batch.spec ? batch.spec->input_grid : grid_;
  auto const* const sharding = batch.spec ? batch.spec->sharding.get() : nullptr;
  auto const expected = sharding ? sharding->block().box.size : grid.shape();
  require(cells == at::IntArrayRef(expected),
          "the batch has ",
          size_text(cells),
          " cells, but its grid ",
          size_text(expected),
          "; the network needs the coordinates of every cell");
  return grid;
}

at::Tensor lift_channels(at::Tensor const& window, IFactMap const& lift) {
  auto const channels = window.size(2);
  auto const points = window.flatten(3).permute({0, 3, 1, 2}).contiguous().unsqueeze(-1);
  auto const each = at::addcmul(lift.bias.view({channels, -1}),
                                points,
                                lift.weight.view({channels, -1}));  // (B, N, t, C, d/2C)
  return at::gelu(each).flatten(2);
}

at::Tensor gather_weight(IFactMap const& gather) {
  return gather.weight.squeeze(-1).transpose(1, 2).flatten(1);
}

}  // namespace eddyline
