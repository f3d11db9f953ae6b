#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/communicator.hpp"
#include "core/mpi_collectives.hpp"
#include "data/field/decomposition.hpp"

namespace eddyline {

/// Fourier transforms of real fields on a periodic grid of two or three axes that ranks share by
/// slabs. Values are split along the first axis of more than one cell, spectra along the axis after
/// it: axes that lie whole on a rank are transformed there, then the spectra are transposed (one
/// all-to-all) and the axis that was split follows.
///
/// A spectrum holds amplitudes, f(x) = Σ f̂(m) exp(2πi Σ m x / length): mode m of an axis of n cells
/// sits at m, or at n + m where m < 0; of the last axis only m >= 0 is stored.
class SlabTransform {
 public:
  /// \param cells  on D, H, W; D is 1 on a grid of two axes
  /// \param ranks  share the grid; a duplicate is kept. Collective.
  /// \throw Error  if a split axis has fewer cells or modes than there are ranks
  SlabTransform(std::array<int64_t, 3> cells, Communicator const& ranks);

  Communicator const& ranks() const { return collectives_.communicator(); }
  std::array<int64_t, 3> cells() const { return values_.global; }
  /// The slab of values that this rank holds.
  Block const& values() const { return values_; }
  /// The modes that this rank holds, of D × H × (W/2 + 1).
  Block const& modes() const { return modes_; }

  /// (…, D, H, W) float64 of this rank's slab to (…, modes) complex128. Collective.
  at::Tensor forward(at::Tensor const& values) const;
  /// The way back; what the imaginary parts of modes 0 and W/2 of the last axis break of a real
  /// field's symmetry is ignored. Collective.
  at::Tensor backward(at::Tensor const& spectrum) const;

 private:
  /// An axis counted from the last, -1, and how many cells or modes of it each rank holds.
  struct Split {
    int64_t axis;
    std::vector<int64_t> sizes;
  };
  at::Tensor exchange(at::Tensor const& part, Split const& cut, Split const& joined) const;

  MpiCollectives collectives_;
  Block values_;
  Block modes_;
  Split split_values_;
  Split split_modes_;
};

}  // namespace eddyline
