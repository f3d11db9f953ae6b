#pragma once

#include <array>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "data/field/cell_numbers.hpp"
#include "data/field/grid_part.hpp"
#include "data/sharding/sharding.hpp"

namespace eddyline {

/// The part of a grid that a network predicts, a grid of its own. Where samples are divided, so is
/// the part, by itself and over the same ranks: each has as much of it, wherever it lies.
class PredictedPart {
 public:
  /// Of samples that are whole.
  explicit PredictedPart(GridPart cells) : cells_(std::move(cells)) {}
  /// \param grid   how the grid lies on the ranks
  /// \param patch  blocks of the part begin at multiples of it
  /// \throw Error  if an axis of the part cannot be divided so, naming what works
  PredictedPart(GridPart cells, Sharding const& grid, std::array<int64_t, 3> patch);

  GridPart const& cells() const { return cells_; }
  /// How the part's grid lies on the ranks; null: each has it whole.
  std::shared_ptr<Sharding const> const& sharding() const { return sharding_; }

  /// This rank's cells of the part, contiguous where they come from other ranks, by one all-to-all
  /// of what each holds of it. Differentiable.
  /// \param values  (…, D, H, W): this rank's block of the grid
  /// \param group   of the ranks that share a sample; null: the sharding's
  /// \return        (…, D, h, w)
  at::Tensor take(at::Tensor const& values, Mesh::Group const& group = {}) const;

 private:
  GridPart cells_;
  std::shared_ptr<Sharding const> sharding_;
  std::array<int64_t, 3> held_{};    ///< cells of the grid that this rank has
  std::vector<CellNumbers> given_;   ///< of those, the ones that each rank gets
  std::vector<CellNumbers> gotten_;  ///< of this rank's part, the ones that each rank gives
};

}  // namespace eddyline
