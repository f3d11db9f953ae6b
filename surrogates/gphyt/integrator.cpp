#include "surrogates/gphyt/integrator.hpp"

#include <ATen/ATen.h>

namespace eddyline {
namespace {

at::Tensor last(at::Tensor const& frames) {
  return frames.narrow(1, frames.size(1) - 1, 1);
}

}  // namespace

at::Tensor integrate(GphytIntegrator kind, at::Tensor const& x, GphytRate const& rate) {
  switch (kind) {
    case GphytIntegrator::none:
      return rate(x, GphytFrames::last);
    case GphytIntegrator::euler:
      return last(x) + rate(x, GphytFrames::last);
    case GphytIntegrator::heun: {
      auto const k1 = rate(x, GphytFrames::all);
      auto const k2 = rate(x + k1, GphytFrames::last);
      return last(x) + 0.5 * (last(k1) + k2);
    }
    case GphytIntegrator::rk4: {
      auto const k1 = rate(x, GphytFrames::all);
      auto const k2 = rate(x + 0.5 * k1, GphytFrames::all);
      auto const k3 = rate(x + 0.5 * k2, GphytFrames::all);
      auto const k4 = rate(x + k3, GphytFrames::last);
      return last(x) + (last(k1) + 2 * last(k2) + 2 * last(k3) + k4) / 6.0;
    }
  }
  return {};
}

}  // namespace eddyline
