#pragma once

#include <array>
#include <vector>

#include "surrogates/ifactformer/mix.hpp"

namespace eddyline {

/// What is added to: nothing, or what stands there.
enum class MixSum { fresh, onto };

/// to = a b, or to += a b, for (B, n, k) and (B, k, m); bfloat16 products are summed in float32.
void multiply(at::Tensor const& a, at::Tensor const& b, at::Tensor const& to, MixSum sum);

/// The parts of a mix in the type of the products, seen head by head.
class MixHeads {
 public:
  MixHeads(AxisMix const& mix, MixLayouts const& layouts, Precision precision);

  MixLayouts const& layouts() const { return layouts_; }
  int64_t batch() const { return rows_[0].size(0); }
  int64_t count() const { return heads_; }
  int64_t width() const { return width_; }
  int64_t outputs() const { return output_.size(0); }
  /// (B·N, d) in layout starts()[start].
  at::Tensor flat_rows(size_t start) const { return rows_[start].flatten(0, 1); }
  at::TensorOptions options() const { return rows_[0].options(); }
  at::ScalarType type() const { return rows_[0].scalar_type(); }
  at::ScalarType sum_type() const { return output_.scalar_type(); }

  /// Room for one head's columns in a layout, (B, N, e).
  at::Tensor columns(CellLayout layout) const;
  /// (e, d): the rows of the values' weight that are this head's.
  at::Tensor value_weight(int64_t head) const { return values_.narrow(0, head * width_, width_); }
  /// (d', e): the columns of the output's weight that are this chain's.
  at::Tensor output_weight(int64_t head, size_t chain) const {
    return output_.select(1, head).select(1, static_cast<int64_t>(chain));
  }
  /// The head's v in layout starts()[start], into `to`.
  void make_values(int64_t head, size_t start, at::Tensor const& to) const;
  /// K x along the step's axis, into `to`.
  void contract(int64_t head, MixStep const& step, at::Tensor const& x, at::Tensor const& to) const;
  /// What contract_back multiplies, and where it goes.
  struct Gradient {
    at::Tensor const& of;
    at::Tensor const& to;
    MixSum sum;
  };
  /// Kᵀ g along the step's axis, into or onto `to`.
  void contract_back(int64_t head, MixStep const& step, Gradient const& g) const;
  /// ∂K = Σ g xᵀ over the lines of this rank: (B, n, n).
  at::Tensor kernel_gradient(MixStep const& step, at::Tensor const& g, at::Tensor const& x) const;

 private:
  at::Tensor lines(at::Tensor const& x, MixStep const& step) const;
  int64_t length(size_t axis) const { return kernels_[axis].size(-1); }

  MixLayouts const& layouts_;
  int64_t heads_, width_;
  std::vector<at::Tensor> rows_;
  at::Tensor values_, output_;
  std::array<at::Tensor, 3> kernels_;
};

/// One head's values and what the kernels of a chain make of them in turn. Room is made when it is
/// first needed and used for all heads.
class MixStages {
 public:
  /// Columns of all chains are kept, or those of the last chain that was run.
  enum class Columns { of_all_chains, of_one_chain };
  MixStages(MixHeads const& heads, Columns kept);

  /// In layout starts()[start].
  void make_values(int64_t head, size_t start);
  /// From values that were made.
  void run(int64_t head, size_t chain);
  /// Of a chain that was run, what the norm sees.
  at::Tensor const& columns(size_t chain) const { return columns_[place(chain)]; }
  /// What step k of the last chain that was run acts on.
  at::Tensor const& before(size_t k) const { return before_[k]; }

 private:
  size_t place(size_t chain) const;
  at::Tensor const& room(at::Tensor& place, CellLayout layout) const;

  MixHeads const& heads_;
  Columns kept_;
  std::vector<at::Tensor> values_;   // by start
  std::vector<at::Tensor> between_;  // what all steps but the last give
  std::vector<at::Tensor> columns_;  // by chain, or by end
  std::vector<at::Tensor> before_;
};

}  // namespace eddyline
