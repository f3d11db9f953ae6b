#pragma once

#include <array>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include <ATen/core/Tensor.h>

#include "data/field/cell_numbers.hpp"
#include "data/field/grid.hpp"
#include "data/pipeline/data_config.hpp"
#include "data/pipeline/mirror.hpp"
#include "data/sharding/sharding.hpp"

namespace eddyline {

/// How the grid of a file becomes one whose sides are multiples of the patch, and back.
/// Axes of length 1 fit every patch. Crop leaves the same number of cells out at both ends (one
/// more at the high end if odd); pad adds likewise, wrapped on periodic axes, edge values
/// elsewhere. Where samples are divided, values on the surrogate's grid are this rank's block.
class Fit {
 public:
  /// Everything stays as it is.
  Fit() = default;
  /// \throw Error  with FitMode::exact (or a crop to nothing), naming the patches that fit the axis
  Fit(Grid grid, std::array<int64_t, 3> patch, FitMode mode);

  /// The same for ranks that hold blocks of the surrogate's grid; none is of added cells alone,
  /// since blocks are patches.
  Fit divided(std::shared_ptr<Sharding const> const& sharding) const;

  FitMode mode() const { return mode_; }
  bool is_identity() const { return fitted_.shape() == original_.shape(); }
  bool adds_cells() const { return mode_ == FitMode::pad && !is_identity(); }
  /// The grid of the file.
  Grid const& original() const { return original_; }
  /// The grid that a surrogate sees.
  Grid const& grid() const { return fitted_; }
  /// The cells of the file that are used.
  Box const& source() const { return source_; }
  /// The grid of those cells: where forecasts, truth and baselines are compared.
  Grid source_grid() const;
  /// How those cells lie on ranks; null: samples are whole.
  std::shared_ptr<Sharding const> const& source_sharding() const { return source_sharding_; }
  /// The file's cells that this rank's cells show, of a sample that is mirrored along those axes.
  CellNumbers shown_cells(Flips const& flips = {}) const;
  /// Values (…, D, H, W) of the file's grid on this rank's cells; a view where nothing is added.
  at::Tensor apply(at::Tensor const& values) const;
  /// Values (…, D, H, W) of the surrogate's grid on the cells of the file that are used: a view.
  at::Tensor undo(at::Tensor const& values) const;
  /// Values (…, D, H, W) of the surrogate's grid with the cells that were added made anew from the
  /// others; the values themselves where none were. Collective over the ranks of a sample.
  at::Tensor renew(at::Tensor const& values) const;
  /// (D, H, W) on this rank's cells: 1 where a cell is in the file, 0 where it was added.
  at::Tensor mask() const;
  /// "H 33 → 40 (3 + 4 cells added)": for the log; "as it is" for the identity.
  std::string describe() const;
  /// For the manifest and the checkpoint.
  nlohmann::json to_json() const;

 private:
  Box own_box() const;

  Grid original_;
  Grid fitted_;
  Box source_;
  FitMode mode_ = FitMode::exact;
  std::array<int64_t, 3> low_ = {0, 0, 0};   ///< cells added before, per axis
  std::array<int64_t, 3> high_ = {0, 0, 0};  ///< and after
  std::shared_ptr<Sharding const> sharding_, source_sharding_;
};

}  // namespace eddyline
