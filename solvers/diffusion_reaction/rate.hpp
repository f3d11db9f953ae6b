#pragma once

#include <ATen/core/Tensor.h>

#include "solvers/numerics/halo.hpp"

namespace eddyline {

/// Right-hand side of the FitzHugh-Nagumo equations on a block of a uniform (y, x) grid,
///   u_t = Du Δu + u − u³ − k − v,   v_t = Dv Δv + u − v,
/// no flux through the edges, 5-point finite volumes (order 2).
/// Source: Takamoto et al. 2022, PDEBench, NeurIPS 35, appendix D (2-D diffusion-reaction).
class DiffusionReactionRate {
 public:
  struct Constants {
    double diffusivity_u = 1e-3;
    double diffusivity_v = 5e-3;
    double k = 5e-3;
    double spacing_y = 1;
    double spacing_x = 1;
  };

  /// \param ranks  hold the blocks; must outlive this object. Collective.
  DiffusionReactionRate(Block const& block, Constants const& constants, Communicator const& ranks);

  /// Writes d(u, v)/dt of `state`, both (2, 1, H, W) float64 contiguous, to `rate`: one pass over
  /// memory; neighbours' cells travel while the inner ones are computed. Collective.
  void operator()(at::Tensor const& state, at::Tensor const& rate);

 private:
  Constants constants_;
  int64_t height_;
  int64_t width_;
  Halo halo_;
};

}  // namespace eddyline
