#pragma once

#include <cstdint>
#include <vector>

#include "core/config.hpp"

namespace eddyline {

/// Incompressible flow in a periodic box; the defaults are a disturbed Taylor-Green vortex at a
/// Reynolds number of 100.
struct NavierStokesPeriodicConfig {
  std::vector<int64_t> cells = {32, 32, 32};
  std::vector<double> lengths;
  double viscosity = 0.01;
  double vortex = 1;
  double perturbation = 0.2;
  double peak = 3;
  double interval = 0.1;
  int64_t steps = 3;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("cells", cells, "grid cells along x, y, and z; two numbers make the flow two-dimensional");
    v("lengths", lengths, "of the box along each axis; empty: 2π each");
    v("viscosity", viscosity, "kinematic [length²/time]");
    v("vortex", vortex, "largest velocity along x of the Taylor-Green vortex at time 0; 0: none");
    v("perturbation",
      perturbation,
      "root mean square speed of the random solenoidal motion added to it, one a seed; 0: none");
    v("peak", peak, "wavenumber that has most energy of that motion [1/length]");
    v("interval", interval, "time between frames");
    v("steps", steps, "Runge-Kutta steps from frame to frame");
  }
};

}  // namespace eddyline
