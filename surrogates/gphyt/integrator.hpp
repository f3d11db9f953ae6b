#pragma once

#include <functional>

#include <ATen/core/Tensor.h>

#include "surrogates/gphyt/config.hpp"

namespace eddyline {

/// Which frames of an update are wanted.
enum class GphytFrames { all, last };

/// Rate of change of every frame of x (B, T, …), or of the last alone: (B, T or 1, …).
using GphytRate = std::function<at::Tensor(at::Tensor const& x, GphytFrames frames)>;

/// The last frame of `x` one step of length 1 later: Euler x + k₁; Heun x + ½ (k₁ + k₂); classical
/// Runge-Kutta x + (k₁ + 2 k₂ + 2 k₃ + k₄)/6; `none` is the rate itself, without x. Stages between
/// move all frames, since each needs all of them; of the final one the last frame suffices.
///
/// \param x  (B, T, …)
/// \return   (B, 1, …)
at::Tensor integrate(GphytIntegrator kind, at::Tensor const& x, GphytRate const& rate);

}  // namespace eddyline
