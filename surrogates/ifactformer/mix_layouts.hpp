#pragma once

#include <array>
#include <memory>
#include <variant>
#include <vector>

#include <ATen/core/Tensor.h>

#include "data/sharding/transposition.hpp"
#include "surrogates/ifactformer/config.hpp"

namespace eddyline {

/// How a rank holds cells while kernels act on them: its block, z fastest; or whole lines of an
/// axis that is divided among ranks, (n, lines), some of those of the ranks along it.
enum class CellLayout : size_t { x_lines, y_lines, z_lines, block };

/// A kernel acts along its axis, which is whole in the layout.
struct MixStep {
  size_t axis;
  CellLayout layout;
};
/// The steps from a head's values to its columns.
using MixChain = std::vector<MixStep>;

/// Which kernels act on what, one after the other, and where. Variant m has a chain of one step for
/// each axis; o one chain of all three: kernels of different axes commute, so those along divided
/// axes come first and last and those between act on the block. What is as narrow as a token
/// travels at the ends of a chain, what is as wide as the values within.
class MixLayouts {
 public:
  /// \param cells     X, Y, Z of this rank
  /// \param sharding  how they lie among ranks; null: these are all
  MixLayouts(IFactVariant variant,
             std::array<int64_t, 3> cells,
             std::shared_ptr<Sharding const> sharding);

  std::vector<MixChain> const& chains() const { return chains_; }
  /// Layouts in which chains begin, and in which they end, each once.
  std::vector<CellLayout> const& starts() const { return starts_; }
  std::vector<CellLayout> const& ends() const { return ends_; }
  /// Places in these of the chain's own.
  size_t start_of(size_t chain) const;
  size_t end_of(size_t chain) const;

  /// X, Y, Z of this rank.
  std::array<int64_t, 3> const& block() const { return cells_; }
  /// N: cells of a sample that this rank has in a layout; possibly none in lines.
  int64_t cells(CellLayout layout) const;
  /// Cells of a sample on all ranks.
  int64_t all_cells() const;
  /// Cells that lie between neighbours along the step's axis.
  int64_t inner(MixStep const& step) const;
  /// Of the ranks that share the sample; null if one has it alone.
  Mesh::Group group() const { return sharding_ ? sharding_->group() : Mesh::Group(); }

  /// (B, N, c) from one layout to another; differentiable.
  at::Tensor moved(at::Tensor const& x, CellLayout from, CellLayout to) const;

  /// Rows of the block on their way to where chains begin; what is computed meanwhile hides it.
  class Departed {
   public:
    /// One for each of starts(). Once.
    std::vector<at::Tensor> arrived() const;

   private:
    friend class MixLayouts;
    std::vector<std::variant<at::Tensor, Transposition::Pending>> rows_;
  };
  /// \param rows  (B, N, d) on the block
  Departed depart(at::Tensor const& rows) const;
  /// The sum, on the block, of what the chains that end in each of ends() gave.
  at::Tensor on_block(std::vector<at::Tensor> const& parts) const;

 private:
  AxisParts const& line(CellLayout layout) const;
  /// The lines of an axis that cross this rank's block, in pieces for the ranks along it.
  std::vector<int64_t> shares(CellLayout layout) const;
  Transposition::Pending begin_to_lines(at::Tensor const& x, CellLayout lines) const;
  Transposition::Pending begin_to_block(at::Tensor const& x, CellLayout lines) const;
  at::Tensor block_of(Transposition::Pending const& pending, CellLayout lines) const;

  std::array<int64_t, 3> cells_;
  std::shared_ptr<Sharding const> sharding_;
  std::vector<MixChain> chains_;
  std::vector<CellLayout> starts_, ends_;
};

}  // namespace eddyline
