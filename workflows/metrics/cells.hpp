#pragma once

#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "data/field/grid.hpp"
#include "workflows/metrics/metric.hpp"

namespace eddyline {

/// A grid as metrics see it.
struct Cells {
  Grid grid;
  at::Tensor volumes;         ///< (D, H, W) float64, sum 1
  std::vector<int64_t> axes;  ///< dimensions of (B, C, D, H, W) that are named axes of the data

  explicit Cells(Grid const& of);
};

/// A comparison in float64 on the host, with what does not count set to zero in every part.
struct MaskedPair {
  at::Tensor prediction;  ///< (B, C, D, H, W)
  at::Tensor target;      ///< (B, C, D, H, W)
  at::Tensor error;       ///< prediction - target
  at::Tensor counts;      ///< (B, C, D, H, W): 1 or 0

  explicit MaskedPair(Comparison const& comparison);
  /// Sum over the cells, those of all ranks that share the samples: (B, C).
  at::Tensor sum(at::Tensor const& values) const;
  /// Largest of the cells, of all ranks that share the samples: (B, C).
  at::Tensor largest(at::Tensor const& values) const;
  /// For metrics that look beyond single cells. \throw Error  naming their columns if samples are
  /// split
  void require_whole(std::vector<std::string> const& columns) const;
  /// Mean over the cells that count: (B, C). NaN where none does.
  at::Tensor mean(at::Tensor const& values) const;
  /// The same, cells weighted by volume.
  at::Tensor weighted_mean(at::Tensor const& values, Cells const& cells) const;
  /// Number of cells that count: (B, C).
  at::Tensor cell_count() const;

 private:
  std::shared_ptr<Sharding const> sharding_;
};

}  // namespace eddyline
