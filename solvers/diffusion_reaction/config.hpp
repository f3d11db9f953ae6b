#pragma once

#include <array>
#include <cstdint>

#include "core/config.hpp"

namespace eddyline {

/// Diffusion-reaction of PDEBench; the defaults are those of its published set.
struct DiffusionReactionConfig {
  std::array<int64_t, 2> cells = {128, 128};
  std::array<double, 2> y = {-1, 1};
  std::array<double, 2> x = {-1, 1};
  double diffusivity_u = 1e-3;
  double diffusivity_v = 5e-3;
  double k = 5e-3;
  double final_time = 5;
  int64_t frames = 101;
  double relative_tolerance = 1e-3;
  double absolute_tolerance = 1e-6;
  double largest_step = 0;
  std::array<int, 2> blocks = {0, 0};

  template <class Visitor>
  void visit(Visitor&& v) {
    v("cells", cells, "grid cells along y and x");
    v("y", y, "ends of the domain along y");
    v("x", x, "ends of the domain along x");
    v("diffusivity_u", diffusivity_u, "of the activator u [length²/time]");
    v("diffusivity_v", diffusivity_v, "of the inhibitor v [length²/time]");
    v("k", k, "constant source in u_t = diffusivity_u Δu + u − u³ − k − v [1/time]");
    v("final_time", final_time, "time of the last frame; the first is at 0");
    v("frames", frames, "times from 0 to final_time, both included, evenly spaced");
    v("relative_tolerance", relative_tolerance, "of a time step");
    v("absolute_tolerance", absolute_tolerance, "of a time step");
    v("largest_step", largest_step, "bound on the time step; 0: none");
    v("blocks", blocks, "ranks along y and x that share a trajectory; 0: chosen");
  }
};

}  // namespace eddyline
