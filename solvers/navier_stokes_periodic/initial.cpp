#include "solvers/navier_stokes_periodic/initial.hpp"

#include <numbers>

#include <ATen/ATen.h>

#include "solvers/navier_stokes_periodic/rate.hpp"
#include "solvers/numerics/numpy_random.hpp"

namespace eddyline {

std::vector<double> box_lengths(NavierStokesPeriodicConfig const& config) {
  return config.lengths.empty() ? std::vector<double>(config.cells.size(), 2 * std::numbers::pi)
                                : config.lengths;
}

at::Tensor taylor_green(NavierStokesPeriodicConfig const& config) {
  auto const lengths = box_lengths(config);
  auto const shape = three_axes(config.cells);
  // Phases 2π x / length of the cells: cell 0 lies at the origin.
  auto const phase = [&](size_t axis) {
    auto const n = shape[axis];
    std::vector<int64_t> view = {1, 1, 1};
    view[axis] = n;
    return (at::arange(n, at::kDouble) * (2 * std::numbers::pi / static_cast<double>(n)))
        .view(view);
  };
  auto const first = 3 - config.cells.size();
  auto const x = phase(first);
  auto const y = phase(first + 1);
  auto const cos_z = first == 0 ? at::cos(phase(2)) : at::ones({1, 1, 1}, at::kDouble);
  auto const u = at::sin(x) * at::cos(y) * cos_z * config.vortex;
  auto const v = at::cos(x) * at::sin(y) * cos_z * (-config.vortex * lengths[1] / lengths[0]);
  std::vector<at::Tensor> components = {u, v};
  if (first == 0) {
    components.push_back(at::zeros_like(u));
  }
  return at::stack(components);
}

at::Tensor random_motion(NavierStokesPeriodicConfig const& config, uint64_t seed) {
  auto const dimensions = static_cast<int64_t>(config.cells.size());
  auto const shape = three_axes(config.cells);
  auto const noise = at::empty({1, dimensions, shape[0], shape[1], shape[2]}, at::kDouble);
  NumpyGenerator(seed).fill_standard_normal(
      {noise.mutable_data_ptr<double>(), static_cast<size_t>(noise.numel())});
  NavierStokesRate const whole(config.cells, box_lengths(config), Communicator::self());
  // Noise has the energy k^(d-1) on the shell k, so the square root of k^(5-d) is missing.
  auto const& k = whole.wavenumber();
  auto const envelope =
      k.pow(0.5 * static_cast<double>(5 - dimensions)) * at::exp(-(k / config.peak).square());
  auto const motion = whole.backward(whole.solenoidal(whole.forward(noise)) * envelope)[0];
  auto const speed = motion.square().sum(0).mean().sqrt();
  return motion * (config.perturbation / speed);
}

}  // namespace eddyline
