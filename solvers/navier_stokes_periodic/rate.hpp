#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "solvers/numerics/slab_transform.hpp"

namespace eddyline {

/// The incompressible Navier-Stokes equations on a periodic box in Fourier-Galerkin form,
///   û_t = P F[u × ω] − ν k² û,   P = 1 − k kᵀ/k²,   ω = ∇ × u,
/// on the modes with 3 |m| < n of each axis of n cells (the 2/3 rule), on which products of two
/// fields are exact: no aliasing, and without viscosity no loss of energy in space.
///
/// Spectra are (B, d, modes of this rank), d the number of axes and of components. All methods with
/// transforms are collective.
/// Source: Orszag 1971, J. Atmos. Sci. 28, 1074 (2/3 rule); Canuto, Hussaini, Quarteroni & Zang
/// 1988, Spectral Methods in Fluid Dynamics, sec. 7.2 (rotation form).
class NavierStokesRate {
 public:
  /// \param cells    along each axis, two or three numbers
  /// \param lengths  of the box along each axis
  /// \param ranks    share the box by slabs. Collective.
  /// \throw Error    if an axis has fewer cells or modes than there are ranks
  NavierStokesRate(std::vector<int64_t> const& cells,
                   std::vector<double> const& lengths,
                   Communicator const& ranks);

  SlabTransform const& transform() const { return transform_; }
  /// Values (…, D, H, W) to the spectrum of what the kept modes hold of them.
  at::Tensor forward(at::Tensor const& values) const;
  at::Tensor backward(at::Tensor const& spectrum) const { return transform_.backward(spectrum); }

  /// P û: what is left without the part that is a gradient.
  at::Tensor solenoidal(at::Tensor const& spectrum) const;
  /// i k · û: (B, 1, modes).
  at::Tensor divergence(at::Tensor const& spectrum) const;
  /// P F[u × ω], the rate of change of `velocity` without viscosity.
  at::Tensor operator()(at::Tensor const& velocity) const;
  /// Spectrum (B, 1, modes) of the pressure over density, of mean zero: that which keeps `velocity`
  /// solenoidal.
  at::Tensor pressure(at::Tensor const& velocity) const;
  /// exp(−ν k² time): what viscosity leaves of each mode.
  at::Tensor damping(double viscosity, double time) const;

  /// |k| of each mode.
  at::Tensor const& wavenumber() const { return wavenumber_; }
  /// Largest wavenumber kept along each axis.
  std::vector<double> const& largest() const { return largest_; }

 private:
  at::Tensor turning(at::Tensor const& velocity) const;

  SlabTransform transform_;
  at::Tensor gradient_;        ///< (d, modes) complex: i k
  at::Tensor wavenumber_;      ///< (modes)
  at::Tensor inverse_square_;  ///< (modes) 1/k²; 0 for the mean
  at::Tensor kept_;            ///< (modes) 1 for the modes of the 2/3 rule, else 0
  std::vector<double> largest_;
};

/// Cells on D, H, W of two or three axes.
std::array<int64_t, 3> three_axes(std::vector<int64_t> const& cells);

}  // namespace eddyline
