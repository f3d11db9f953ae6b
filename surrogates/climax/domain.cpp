#include "surrogates/climax/domain.hpp"

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "surrogates/climax/lead_time.hpp"
#include "surrogates/climax/positions.hpp"
#include "surrogates/climax/tokens.hpp"

namespace eddyline {
namespace {

void check_axes(Grid const& grid) {
  require(grid.axis(0).size() == 1,
          "ClimaX has two dimensions, the data have three: ",
          grid.describe());
  require(!(grid.axis(1).name.starts_with("lon") && grid.axis(2).name.starts_with("lat")),
          "ClimaX takes latitude before longitude, the data have them the other way: ",
          grid.describe(),
          "; write them as (time, latitude, longitude)");
}

}  // namespace

ClimaxDomain::ClimaxDomain(ClimaxConfig const& config, SurrogateSpec const& spec)
    : patch_{config.patch[1], config.patch[2]},
      table_(table_patches(config)),
      history_(config.history),
      time_unit_(config.time_unit),
      lead_hours_(config.lead_hours),
      is_projection_(config.variant == ClimaxVariant::projection) {
  check_axes(spec.grid);
  inputs_ = find_variables(config.variables, spec.input_fields.channel_names(), "input");
  if (is_projection_) {
    require(spec.output_fields.channels() == 1,
            "a projection predicts one map, the data have ",
            spec.output_fields.channels(),
            " output channels (",
            spec.output_fields.describe(),
            "); choose one with data.target_fields");
    grid_ = *config.grid;
  } else {
    outputs_ = find_variables(config.variables, spec.output_fields.channel_names(), "output");
  }
  if (config.variant == ClimaxVariant::regional) {
    auto const shape = spec.grid.shape();
    grid_ = {shape[1], shape[2]};
    region_ = find_region(spec.grid, region_box(config), patch_, config.region_order);
  }
}

at::Tensor ClimaxDomain::frames(Batch const& batch) const {
  require(batch.input.dim() == 6 && batch.input.size(3) == 1,
          "ClimaX has two dimensions: it takes (B, T, C, 1, H, W)");
  return batch.input.squeeze(3);
}

at::Tensor ClimaxDomain::lead_time(Batch const& batch) const {
  return is_projection_ ? at::zeros({batch.size()}, batch.input.options())
                        : scaled_lead_time(batch, time_unit_, lead_hours_);
}

void ClimaxDomain::check(at::Tensor const& frames) const {
  require(frames.dim() == 5, "ClimaX takes (B, T, V, H, W), not ", frames.dim(), " axes");
  require(frames.size(1) == history_,
          "there are ",
          frames.size(1),
          " input frames, model.history is ",
          history_);
  require(frames.size(2) == static_cast<int64_t>(inputs_.size()),
          "the data have ",
          frames.size(2),
          " channels, the model was made for ",
          inputs_.size());
  std::array<int64_t, 2> const cells = {frames.size(3), frames.size(4)};
  for (size_t a = 0; a < 2; ++a) {
    require(cells[a] % patch_[a] == 0,
            "axis ",
            "HW"[a],
            " has ",
            cells[a],
            " points, not a multiple of patch ",
            patch_[a],
            "; use data.fit crop or pad");
  }
  require(!region_ || cells == grid_,
          "the region was found on ",
          grid_[0],
          " x ",
          grid_[1],
          " cells, the data have ",
          cells[0],
          " x ",
          cells[1]);
  require(!is_projection_ || cells == grid_,
          "a projection predicts ",
          grid_[0],
          " x ",
          grid_[1],
          " cells (model.grid), the data have ",
          cells[0],
          " x ",
          cells[1]);
}

at::Tensor ClimaxDomain::cut(at::Tensor const& images) const {
  return cut_patches(region_ ? region_->part().crop(images) : images, patch_);
}

at::Tensor ClimaxDomain::positions(at::Tensor const& table, std::array<int64_t, 2> cells) const {
  auto const patches = patches_of(cells);
  auto const resampled = resample_positions(table, table_, patches);
  if (!region_) {
    return resampled;
  }
  auto const numbers = at::tensor(region_->patches(patches[1]), at::kLong);
  return resampled.index_select(1, numbers.to(table.device()));
}

at::Tensor ClimaxDomain::join(at::Tensor const& tokens, std::array<int64_t, 2> cells) const {
  auto const patches = region_
                           ? std::array<int64_t, 2>{static_cast<int64_t>(region_->rows.size()),
                                                    static_cast<int64_t>(region_->columns.size())}
                           : patches_of(cells);
  return join_patches(tokens, patches, patch_);
}

}  // namespace eddyline
