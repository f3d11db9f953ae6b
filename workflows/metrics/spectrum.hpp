#pragma once

#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "data/field/grid.hpp"
#include "data/sharding/sharding.hpp"

namespace eddyline {

/// Energy by isotropic wave number.
struct PowerSpectrum {
  std::vector<double> wavenumbers;  ///< of the shells: 0, dk, 2 dk, … [rad / unit of the axes]
  at::Tensor power;  ///< (…, shells) float64; sums to the (volume-weighted) mean of values^2
};

/// Transforms uniform axes: Fourier where periodic, else a cosine transform (DCT-II, wave numbers
/// pi j / L). Along other axes, and on spheres along all but the longitude, wave numbers mean
/// nothing: there the energy is averaged with the cells' volumes. Shell s holds |k| in
/// [(s - 1/2) dk, (s + 1/2) dk), with dk the smallest wave number above 0 of the grid. Parseval
/// holds to round-off.
/// \param values  (…, D, H, W) on `grid`
PowerSpectrum radial_power_spectrum(at::Tensor const& values, Grid const& grid);

/// |F|^2 / N^2 of the values, (…, D, H, W) float64, and the wave number of every entry (D, H, W):
/// 2 pi fftfreq in radians a cell on `axes` (negative dimension numbers), whatever the grid.
/// \param sharding  how the cells lie on ranks that share them, each with the modes of its block's
///                  numbers: a line of cells is made whole for its transform by transposing the
///                  block, so that no rank holds more than a block. Null: they are whole.
///                  Collective
struct PlainSpectrum {
  at::Tensor energy;
  at::Tensor wavenumber;
};
PlainSpectrum plain_spectrum(at::Tensor const& values,
                             std::vector<int64_t> const& axes,
                             Sharding const* sharding = nullptr);

/// "x: Fourier (periodic); y: cosine transform (not periodic)": which transform each axis gets.
std::string describe_transforms(Grid const& grid);

/// (…, D, H, W) energy summed into shells: (…, count); entries with shell >= count or < 0 are left
/// out.
at::Tensor sum_shells(at::Tensor const& energy, at::Tensor const& shell, int64_t count);

/// Energy and wave number of every mode of the transforms above: energy (…, D, H, W), averaged axes
/// of length 1 (where they are divided, the part of this rank's cells); wavenumber (D, H, W) of the
/// same size. \param sharding  as above
PlainSpectrum modal_spectrum(at::Tensor const& values,
                             Grid const& grid,
                             Sharding const* sharding = nullptr);

}  // namespace eddyline
