#include "solvers/navier_stokes_periodic/rate.hpp"

#include <numbers>

#include <ATen/ATen.h>

namespace eddyline {
namespace {

/// Mode numbers of one axis, for the positions `first` … first + size - 1 of its spectrum.
at::Tensor mode_numbers(int64_t first, int64_t size, int64_t cells) {
  auto const position = at::arange(first, first + size, at::kDouble);
  return at::where(
      position * 2 > static_cast<double>(cells), position - static_cast<double>(cells), position);
}

/// `numbers` along axis `axis` of three.
at::Tensor along(size_t axis, at::Tensor const& numbers) {
  std::vector<int64_t> shape = {1, 1, 1};
  shape[axis] = numbers.numel();
  return numbers.view(shape);
}

}  // namespace

std::array<int64_t, 3> three_axes(std::vector<int64_t> const& cells) {
  std::array<int64_t, 3> three = {1, 1, 1};
  std::copy(cells.begin(), cells.end(), three.end() - static_cast<int64_t>(cells.size()));
  return three;
}

NavierStokesRate::NavierStokesRate(std::vector<int64_t> const& cells,
                                   std::vector<double> const& lengths,
                                   Communicator const& ranks)
    : transform_(three_axes(cells), ranks) {
  auto const& box = transform_.modes().box;
  kept_ = at::ones({box.size[0], box.size[1], box.size[2]}, at::kDouble);
  std::vector<at::Tensor> components;
  for (size_t i = 0; i < cells.size(); ++i) {
    auto const axis = 3 - cells.size() + i;
    auto const modes = along(axis, mode_numbers(box.first[axis], box.size[axis], cells[i]));
    double const unit = 2 * std::numbers::pi / lengths[i];
    components.push_back((modes * unit).expand(kept_.sizes()));
    kept_.mul_(modes.abs() * 3 < static_cast<double>(cells[i]));
    largest_.push_back(unit * static_cast<double>((cells[i] - 1) / 3));
  }
  auto const wave = at::stack(components);
  auto const square = wave.square().sum(0);
  gradient_ = at::complex(at::zeros_like(wave), wave);
  wavenumber_ = square.sqrt();
  inverse_square_ = at::where(square > 0, square.reciprocal(), at::zeros_like(square));
}

at::Tensor NavierStokesRate::forward(at::Tensor const& values) const {
  return transform_.forward(values) * kept_;
}

at::Tensor NavierStokesRate::divergence(at::Tensor const& spectrum) const {
  return (gradient_ * spectrum).sum(1, /*keepdim=*/true);
}

at::Tensor NavierStokesRate::solenoidal(at::Tensor const& spectrum) const {
  return spectrum + gradient_ * (divergence(spectrum) * inverse_square_);
}

/// F[u × ω] on the kept modes.
at::Tensor NavierStokesRate::turning(at::Tensor const& velocity) const {
  auto const u = backward(velocity);
  if (gradient_.size(0) == 3) {
    auto const vorticity = backward(at::linalg_cross(gradient_.unsqueeze(0), velocity, 1));
    return forward(at::linalg_cross(u, vorticity, 1));
  }
  auto const vorticity =
      backward(gradient_[0] * velocity.select(1, 1) - gradient_[1] * velocity.select(1, 0));
  return forward(at::stack({u.select(1, 1) * vorticity, -u.select(1, 0) * vorticity}, 1));
}

at::Tensor NavierStokesRate::operator()(at::Tensor const& velocity) const {
  return solenoidal(turning(velocity));
}

at::Tensor NavierStokesRate::pressure(at::Tensor const& velocity) const {
  // Δ(p + |u|²/2) = ∇ · (u × ω); the mean, which no equation gives, is taken as zero.
  auto const total = divergence(turning(velocity)) * -inverse_square_;
  auto const kinetic = forward(backward(velocity).square().sum(1, /*keepdim=*/true) / 2);
  return total - kinetic * (inverse_square_ > 0);
}

at::Tensor NavierStokesRate::damping(double viscosity, double time) const {
  return at::exp(wavenumber_.square() * (-viscosity * time));
}

}  // namespace eddyline
