#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "data/batch.hpp"
#include "surrogates/climax/config.hpp"
#include "surrogates/registry.hpp"

namespace eddyline {

/// What of its data a ClimaX reads and predicts: variables by name, the grid or a region of it.
class ClimaxDomain {
 public:
  /// \param config  checked
  /// \throw Error   if a field of the data is no variable of the model, or the region holds no
  ///                patch of the grid
  ClimaxDomain(ClimaxConfig const& config, SurrogateSpec const& spec);

  /// Places of input and output channels among the model's variables; a projection has no outputs.
  std::vector<int64_t> const& inputs() const { return inputs_; }
  std::vector<int64_t> const& outputs() const { return outputs_; }
  /// The part of the grid that a regional model predicts.
  std::optional<Region> const& region() const { return region_; }

  /// The batch's frames (B, T, Vi, H, W); where samples are split and a region is predicted, this
  /// rank's cells of the region. Collective then.
  /// \throw Error  if they have three dimensions
  at::Tensor frames(Batch const& batch) const;
  /// The batch's lead times [config.lead_hours h], (B): zero for a projection, which is of its last
  /// frame's year.
  at::Tensor lead_time(Batch const& batch) const;
  /// \param patches  how they lie on ranks, those of the region if there is one; null: the frames
  ///                 are whole
  /// \throw Error    if frames (B, T, Vi, H, W) do not fit
  void check(at::Tensor const& frames, Sharding const* patches = nullptr) const;

  /// cut_patches of the patches that are read: (M, Vi, H, W) → (M·n, Vi, q).
  at::Tensor cut(at::Tensor const& images, Sharding const* patches) const;
  /// Their rows of a table of positions (1, L, D), resampled for H × W cells, of which this rank
  /// may have a part: (1, n, D). Features are then resampled in as many slices as there are ranks,
  /// so that no rank holds more than one slice of all patches.
  at::Tensor positions(at::Tensor const& table,
                       std::array<int64_t, 2> cells,
                       Sharding const* patches = nullptr) const;
  /// join_patches of the patches that are predicted: (M, n, ph·pw·Vo) → (M, Vo, H', W').
  at::Tensor join(at::Tensor const& tokens,
                  std::array<int64_t, 2> cells,
                  Sharding const* patches) const;
  /// The mean over all patches: (M, n, D) → (M, D).
  at::Tensor mean_over_patches(at::Tensor const& tokens, Sharding const* patches) const;
  /// Rows of a projection's head, weight (H·W, D) or bias (H·W) of the whole grid, that are this
  /// rank's cells.
  at::Tensor rows_of_cells(at::Tensor const& head, Sharding const* patches) const;
  /// What they give, (B, 1, H·W) of this rank's cells, as an image: (B, 1, H, W).
  at::Tensor projected(at::Tensor const& values, Sharding const* patches) const;

  /// The division of what is predicted, counted in patches; null where samples are whole.
  std::shared_ptr<Sharding const> patches_of(Batch const& batch) const;
  /// The patches of this rank among those that are predicted. \param cells  H, W of its frames
  Block block(std::array<int64_t, 2> cells, Sharding const* patches) const;

 private:
  std::array<int64_t, 2> counts_of(std::array<int64_t, 2> cells) const {
    return {cells[0] / patch_[0], cells[1] / patch_[1]};
  }
  /// Cells of the grid of which a rank has `own`; of the region where that alone is shared.
  std::array<int64_t, 2> whole_cells(std::array<int64_t, 2> own, Sharding const* patches) const;
  std::array<int64_t, 2> region_patches() const {
    return {static_cast<int64_t>(region_->rows.size()),
            static_cast<int64_t>(region_->columns.size())};
  }

  std::array<int64_t, 2> patch_;
  std::array<int64_t, 2> table_;  ///< patches of the table of positions
  int64_t history_;
  std::string time_unit_;
  double lead_hours_;
  bool is_projection_;
  std::array<int64_t, 2> grid_{};  ///< cells on which a projection or a region was made
  std::vector<int64_t> inputs_, outputs_;
  std::optional<Region> region_;
};

}  // namespace eddyline
