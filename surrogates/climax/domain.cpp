#include "surrogates/climax/domain.hpp"

#include <ATen/ATen.h>

#include "core/entries.hpp"
#include "core/error.hpp"
#include "data/field/cell_numbers.hpp"
#include "data/sharding/collectives.hpp"
#include "data/sharding/predicted_part.hpp"
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
  bool const is_shared = batch.spec && batch.spec->part && patches_of(batch);
  return (is_shared ? batch.spec->part->take(batch.input) : batch.input).squeeze(3);
}

at::Tensor ClimaxDomain::lead_time(Batch const& batch) const {
  return is_projection_ ? at::zeros({batch.size()}, batch.input.options())
                        : scaled_lead_time(batch, time_unit_, lead_hours_);
}

std::shared_ptr<Sharding const> ClimaxDomain::patches_of(Batch const& batch) const {
  auto const division = batch.spec ? batch.spec->output_sharding() : nullptr;
  if (!division || !division->is_divided()) {
    return nullptr;
  }
  EDDYLINE_ENSURE(!region_ || batch.spec->part, "split samples of a grid, not of its region");
  return std::make_shared<Sharding const>(division->in_patches({1, patch_[0], patch_[1]}));
}

void ClimaxDomain::check(at::Tensor const& frames, Sharding const* patches) const {
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
  auto const cells = whole_cells({frames.size(3), frames.size(4)}, patches);
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
  require(!region_ || patches || cells == grid_,
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

at::Tensor ClimaxDomain::cut(at::Tensor const& images, Sharding const* patches) const {
  return cut_patches(region_ && !patches ? region_->part().crop(images) : images, patch_);
}

std::array<int64_t, 2> ClimaxDomain::whole_cells(std::array<int64_t, 2> own,
                                                 Sharding const* patches) const {
  if (!patches) {
    return own;
  }
  auto const& all = patches->block().global;
  return {all[1] * patch_[0], all[2] * patch_[1]};
}

Block ClimaxDomain::block(std::array<int64_t, 2> cells, Sharding const* patches) const {
  auto const own = region_ ? region_patches() : counts_of(cells);
  return patches ? patches->block() : whole_block({1, own[0], own[1]});
}

at::Tensor ClimaxDomain::positions(at::Tensor const& table,
                                   std::array<int64_t, 2> cells,
                                   Sharding const* patches) const {
  auto const all = counts_of(region_ ? grid_ : whole_cells(cells, patches));
  auto own = numbers_of(block(cells, patches).box);
  if (region_) {
    for (auto& row : own[1]) {
      row = region_->rows[static_cast<size_t>(row)];
    }
    for (auto& column : own[2]) {
      column = region_->columns[static_cast<size_t>(column)];
    }
  }
  std::vector<at::Tensor> slices;
  for (auto const& features : table.chunk(patches ? patches->mesh().domain().size() : 1, 2)) {
    auto const resampled = resample_positions(features, table_, all).unflatten(1, {all[0], all[1]});
    slices.push_back(take_entries(take_entries(resampled, 1, own[1]), 2, own[2]).flatten(1, 2));
  }
  return slices.size() == 1 ? slices[0] : at::cat(slices, 2);
}

at::Tensor ClimaxDomain::mean_over_patches(at::Tensor const& tokens,
                                           Sharding const* patches) const {
  if (!patches) {
    return tokens.mean(1);
  }
  auto const& all = patches->block().global;
  return sum_over(tokens.sum(1), patches->group()) / (all[1] * all[2]);
}

at::Tensor ClimaxDomain::rows_of_cells(at::Tensor const& head, Sharding const* patches) const {
  if (!patches) {
    return head;
  }
  auto const& box = patches->block().box;
  return head.unflatten(0, {grid_[0], grid_[1]})
      .narrow(0, box.first[1] * patch_[0], box.size[1] * patch_[0])
      .narrow(1, box.first[2] * patch_[1], box.size[2] * patch_[1])
      .flatten(0, 1);
}

at::Tensor ClimaxDomain::projected(at::Tensor const& values, Sharding const* patches) const {
  if (!patches) {
    return values.view({-1, 1, grid_[0], grid_[1]});
  }
  auto const& size = patches->block().box.size;
  return values.view({-1, 1, size[1] * patch_[0], size[2] * patch_[1]});
}

at::Tensor ClimaxDomain::join(at::Tensor const& tokens,
                              std::array<int64_t, 2> cells,
                              Sharding const* patches) const {
  auto const own = block(cells, patches).box.size;
  return join_patches(tokens, {own[1], own[2]}, patch_);
}

}  // namespace eddyline
