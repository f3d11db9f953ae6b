#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "surrogates/gphyt/positions.hpp"
#include "surrogates/registry.hpp"

namespace eddyline {

/// What enters a GPhyT and what leaves it: both of its forms take the same batches and put out the
/// same fields.
class GphytWindow {
 public:
  /// \throw Error  if the data have no field, lack a predicted one among the inputs, or do not fit
  /// the table of positions
  GphytWindow(GphytConfig const& config, SurrogateSpec const& spec);

  /// Input fields.
  int64_t fields() const { return fields_; }
  /// Patches that the table of positions is made for; nothing with rope.
  std::optional<GphytCounts> const& table() const { return table_; }

  /// \return (B, T, F, H, W)  \throw Error  if the batch is not two-dimensional
  at::Tensor enter(Batch const& batch) const;
  /// How the batch's cells lie on ranks; null where samples are whole.
  static std::shared_ptr<Sharding const> cells_of(Batch const& batch);
  /// \param cells  the same counted in patches
  Sharding in_patches(Sharding const& cells) const;
  /// \param x  (B, T, F, H, W)  \throw Error  if T, F, H or W does not fit
  void check(at::Tensor const& x, Sharding const* cells = nullptr) const;
  /// \param next  (B, 1, F, H, W)  \return the predicted fields (B, 1, Fo, 1, H, W)
  at::Tensor leave(at::Tensor const& next) const;

 private:
  int64_t history_;
  GphytCounts patch_;
  int64_t fields_;
  std::vector<int64_t> outputs_;  ///< predicted channels; empty: all
  std::optional<GphytCounts> table_;
};

}  // namespace eddyline
