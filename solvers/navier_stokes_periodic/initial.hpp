#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "solvers/navier_stokes_periodic/config.hpp"

namespace eddyline {

/// The vortex of Taylor & Green on the whole box, (d, D, H, W) float64:
///   u = V sin(ax) cos(by) cos(cz),  v = −V (a/b) cos(ax) sin(by) cos(cz),  w = 0,
/// with a = 2π/length of each axis (no z in two dimensions).
/// Source: Taylor & Green 1937, Proc. R. Soc. A 158, 499.
at::Tensor taylor_green(NavierStokesPeriodicConfig const& config);

/// Random solenoidal motion on the whole box, (d, D, H, W) float64: normals of numpy's
/// `default_rng(seed)`, component by component, row by row, on which the energy spectrum
/// k⁴ exp(−2 (k/peak)²) is laid, scaled to the root mean square speed `perturbation`.
/// Source of the spectrum: Orszag & Patterson 1972, Phys. Rev. Lett. 28, 76.
at::Tensor random_motion(NavierStokesPeriodicConfig const& config, uint64_t seed);

/// Lengths of the box along each axis, those left out filled in.
std::vector<double> box_lengths(NavierStokesPeriodicConfig const& config);

}  // namespace eddyline
