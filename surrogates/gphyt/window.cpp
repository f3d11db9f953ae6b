#include "surrogates/gphyt/window.hpp"

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "surrogates/gphyt/tokens.hpp"

namespace eddyline {
namespace {

/// Channels of the output fields among the input's; empty if all are predicted.
std::vector<int64_t> output_channels(SurrogateSpec const& spec) {
  if (spec.input_fields == spec.output_fields) {
    return {};
  }
  std::vector<std::string> names;
  for (auto const& field : spec.output_fields.fields()) {
    names.push_back(field.name);
  }
  return with_context([&] { return spec.input_fields.channels_of(names); },
                      "looking for the predicted fields among the input fields, which is what "
                      "GPhyT moves on");
}

/// Patches of the grid that a table of positions is made for.
GphytCounts table_counts(GphytConfig const& config, Grid const& grid) {
  auto const cells = grid.shape();
  require(cells[0] == 1 && cells[2] > 1,
          "GPhyT takes two-dimensional fields, not the grid '",
          grid.describe(),
          "'",
          grid.dimensions() == 0
              ? "; its table of positions is made for one grid: use model.positions=rope"
              : "");
  return patch_counts({config.history, cells[1], cells[2]},
                      {config.time_patch, config.patch[1], config.patch[2]});
}

}  // namespace

GphytWindow::GphytWindow(GphytConfig const& config, SurrogateSpec const& spec)
    : history_(config.history),
      patch_{config.time_patch, config.patch[1], config.patch[2]},
      fields_(spec.input_fields.channels()),
      outputs_(output_channels(spec)) {
  require(fields_ > 0, "GPhyT needs at least one field");
  if (config.positions == GphytPositions::absolute) {
    table_ = table_counts(config, spec.grid);
  }
}

at::Tensor GphytWindow::enter(Batch const& batch) const {
  auto const& input = batch.input;  // (B, T, F, 1, H, W)
  require(input.dim() == 6 && input.size(3) == 1,
          "GPhyT takes two-dimensional fields, but axis D has ",
          input.dim() == 6 ? input.size(3) : 0,
          " points");
  return input.squeeze(3);
}

std::shared_ptr<Sharding const> GphytWindow::cells_of(Batch const& batch) {
  bool const divided = batch.spec && batch.spec->sharding && batch.spec->sharding->is_divided();
  return divided ? batch.spec->sharding : nullptr;
}

Sharding GphytWindow::in_patches(Sharding const& cells) const {
  return cells.in_patches({1, patch_[1], patch_[2]});
}

void GphytWindow::check(at::Tensor const& x, Sharding const* cells) const {
  require(x.dim() == 5, "GPhyT takes (B, T, F, H, W), not ", x.dim(), " axes");
  require(x.size(1) == history_,
          "the batch has ",
          x.size(1),
          " input frames, model.history is ",
          history_);
  require(x.size(2) == fields_,
          "the data have ",
          x.size(2),
          " channels, the network was made for ",
          fields_);
  auto const all = cells ? cells->block().global : std::array<int64_t, 3>{1, x.size(3), x.size(4)};
  auto const counts = patch_counts({x.size(1), all[1], all[2]}, patch_);
  if (table_) {
    auto const& table = *table_;
    require(counts[1] == table[1] && counts[2] == table[2],
            "the grid has ",
            all[1],
            " × ",
            all[2],
            " points, but the table of positions was made for ",
            table[1] * patch_[1],
            " × ",
            table[2] * patch_[2],
            "; use data of that size, or a network with model.positions=rope");
  }
}

at::Tensor GphytWindow::leave(at::Tensor const& next) const {
  if (outputs_.empty()) {
    return next.unsqueeze(3);
  }
  std::vector<at::Tensor> channels;
  for (auto const channel : outputs_) {
    channels.push_back(next.narrow(2, channel, 1));
  }
  return at::cat(channels, 2).unsqueeze(3);
}

}  // namespace eddyline
