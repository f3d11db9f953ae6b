#include "workflows/metrics/spectrum.hpp"

#include <cmath>
#include <limits>
#include <numbers>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "data/sharding/transposition.hpp"

namespace eddyline {
namespace {

constexpr double kPi = std::numbers::pi;

enum class Transform { none, fourier, cosine, average };

/// Meridians converge, so that distances along other axes of a sphere are no multiples of one.
bool is_longitude(Axis const& axis) {
  return axis.name == "longitude" || axis.name == "lon" || axis.name == "phi";
}

Transform transform_of(Grid const& grid, int index) {
  auto const& axis = grid.axis(index);
  if (axis.size() == 1) {
    return Transform::none;
  }
  bool const is_straight = grid.geometry() == Geometry::cartesian || is_longitude(axis);
  if (!is_straight || !axis.is_uniform()) {
    return Transform::average;
  }
  return axis.is_periodic() ? Transform::fourier : Transform::cosine;
}

/// Orthonormal DCT-II: row j holds sqrt((2 - [j = 0]) / n) cos(pi (i + 1/2) j / n).
at::Tensor cosine_matrix(int64_t n) {
  auto const j = at::arange(n, at::kDouble).unsqueeze(1);
  auto const i = at::arange(n, at::kDouble).unsqueeze(0);
  auto matrix = at::cos((i + 0.5) * j * (kPi / static_cast<double>(n))) *
                std::sqrt(2.0 / static_cast<double>(n));
  matrix.select(0, 0).mul_(std::sqrt(0.5));
  return matrix;
}

at::Tensor along(at::Tensor const& values, int64_t axis) {
  std::vector<int64_t> shape(3, 1);
  shape[static_cast<size_t>(axis)] = values.numel();
  return values.view(shape);
}

at::Tensor apply_along(at::Tensor const& matrix, at::Tensor const& values, int64_t dimension) {
  return at::matmul(values.transpose(dimension, -1), matrix.t()).transpose(dimension, -1);
}

at::Tensor wavenumbers_of(Axis const& axis, Transform transform) {
  auto const n = axis.size();
  auto const spacing = std::abs(axis.spacing());
  switch (transform) {
    case Transform::fourier:
      return at::fft_fftfreq(n, spacing, at::kDouble) * (2 * kPi);
    case Transform::cosine:
      return at::arange(n, at::kDouble) * (kPi / (static_cast<double>(n) * spacing));
    default:
      return at::zeros({1}, at::kDouble);
  }
}

/// Numbers along an axis (0: D, …) of this rank's cells.
at::Tensor own_part(at::Tensor const& numbers, int64_t axis, Sharding const* sharding) {
  if (sharding == nullptr || numbers.numel() == 1) {
    return numbers;
  }
  auto const& parts = sharding->axis(static_cast<size_t>(axis));
  return numbers.narrow(0, parts.first(), parts.own());
}

bool is_divided(int64_t axis, Sharding const* sharding) {
  return sharding != nullptr && sharding->axis(static_cast<size_t>(axis)).is_divided();
}

/// A transform of lines along an axis of (…, D, H, W), whose pieces on several ranks are made whole
/// lines for it by dividing the longest other axis instead.
at::Tensor transform_lines(at::Tensor const& values,
                           int64_t axis,
                           Sharding const* sharding,
                           at::Tensor (*transform)(at::Tensor const&, int64_t)) {
  if (!is_divided(axis, sharding)) {
    return transform(values, values.dim() - 3 + axis);
  }
  auto const& parts = sharding->axis(static_cast<size_t>(axis));
  auto const shape = values.sizes().vec();
  auto const cells = values.reshape({-1, values.size(-3), values.size(-2), values.size(-1)});
  int64_t other = 0;
  for (int64_t d = 1; d < 4; ++d) {
    other = d != axis + 1 && cells.size(d) > cells.size(other) ? d : other;
  }
  Layout const block = {axis + 1, parts.sizes};
  Layout const lines = {other, even_sizes(cells.size(other), parts.ranks())};
  auto const moved = [&](at::Tensor const& x, Layout const& from, Layout const& to) {
    return Transposition(parts, from, to, Flight::as_computed, "spectrum")(x);
  };
  auto const whole = transform(moved(cells, block, lines), axis + 1);
  return moved(whole, lines, block).view(shape);
}

at::Tensor fourier_lines(at::Tensor const& values, int64_t dimension) {
  return values.numel() == 0 ? values.to(at::kComplexDouble)
                             : at::fft_fft(values, at::nullopt, dimension);
}

at::Tensor cosine_lines(at::Tensor const& values, int64_t dimension) {
  return apply_along(cosine_matrix(values.size(dimension)), values, dimension);
}

/// Fourier transform along some axes (0: D, …): at once along those that are whole.
at::Tensor fourier(at::Tensor const& values,
                   std::vector<int64_t> const& axes,
                   Sharding const* sharding) {
  std::vector<int64_t> whole;
  for (auto const axis : axes) {
    if (!is_divided(axis, sharding)) {
      whole.push_back(values.dim() - 3 + axis);
    }
  }
  auto modes = whole.empty() ? values : at::fft_fftn(values, at::nullopt, whole);
  for (auto const axis : axes) {
    modes =
        is_divided(axis, sharding) ? transform_lines(modes, axis, sharding, fourier_lines) : modes;
  }
  return modes;
}

}  // namespace

PlainSpectrum modal_spectrum(at::Tensor const& values, Grid const& grid, Sharding const* sharding) {
  auto modes = values.to(at::kCPU, at::kDouble);
  auto const weights = grid.cell_weights();
  auto wavenumber = at::zeros({1, 1, 1}, at::kDouble);
  std::vector<int64_t> periodic, averaged;
  double scale = 1;
  for (int64_t a = 0; a < 3; ++a) {
    auto const& axis = grid.axis(static_cast<int>(a));
    auto const transform = transform_of(grid, static_cast<int>(a));
    auto const n = static_cast<double>(axis.size());
    if (transform == Transform::cosine) {
      modes = transform_lines(modes, a, sharding, cosine_lines);
      scale /= n;
    } else if (transform == Transform::fourier) {
      periodic.push_back(a);
      scale /= n * n;
    } else if (transform == Transform::average) {
      averaged.push_back(a);
    }
    auto const numbers = own_part(wavenumbers_of(axis, transform), a, sharding);
    wavenumber = wavenumber + along(numbers, a).square();
  }
  auto energy =
      periodic.empty() ? modes.square() : fourier(modes, periodic, sharding).abs().square();
  for (auto const a : averaged) {
    auto const weight = at::tensor(weights[static_cast<size_t>(a)], at::kDouble);
    auto const own = along(own_part(weight / weight.sum(), a, sharding), a);
    energy = (energy * own).sum(energy.dim() - 3 + a, /*keepdim=*/true);
  }
  return {energy * scale, wavenumber.sqrt()};
}

PowerSpectrum radial_power_spectrum(at::Tensor const& values, Grid const& grid) {
  auto const [energy, wavenumber] = modal_spectrum(values, grid);
  auto const above = at::where(wavenumber.gt(0),
                               wavenumber,
                               at::full({}, std::numeric_limits<double>::infinity(), at::kDouble));
  auto step = above.min().item<double>();
  step = std::isfinite(step) ? step : 1.0;
  auto const shell = at::floor(wavenumber / step + 0.5).to(at::kLong);
  auto const shells = shell.max().item<int64_t>() + 1;
  PowerSpectrum spectrum;
  for (int64_t s = 0; s < shells; ++s) {
    spectrum.wavenumbers.push_back(static_cast<double>(s) * step);
  }
  spectrum.power = sum_shells(energy, shell, shells);
  return spectrum;
}

at::Tensor sum_shells(at::Tensor const& energy, at::Tensor const& shell, int64_t count) {
  auto const index = shell.flatten();
  auto const keep = at::logical_and(index.ge(0), index.lt(count)).nonzero().squeeze(1);
  auto lead = energy.sizes().vec();
  lead.resize(lead.size() - 3);
  auto const flat = energy.reshape({-1, index.numel()}).index_select(1, keep);
  auto sums = at::zeros({flat.size(0), count}, at::kDouble);
  sums.index_add_(1, index.index_select(0, keep), flat);
  lead.push_back(count);
  return sums.view(lead);
}

PlainSpectrum plain_spectrum(at::Tensor const& values,
                             std::vector<int64_t> const& axes,
                             Sharding const* sharding) {
  auto const real = values.to(at::kCPU, at::kDouble);
  auto wavenumber = at::zeros({1, 1, 1}, at::kDouble);
  double cells = 1;
  std::vector<int64_t> transformed;
  for (auto const axis : axes) {
    auto const a = axis + 3;
    auto const n =
        sharding != nullptr ? sharding->axis(static_cast<size_t>(a)).total() : real.size(axis);
    auto const numbers = own_part(at::fft_fftfreq(n, 1.0, at::kDouble) * (2 * kPi), a, sharding);
    wavenumber = wavenumber + along(numbers, a).square();
    cells *= static_cast<double>(n);
    transformed.push_back(a);
  }
  return {fourier(real, transformed, sharding).abs().square() / (cells * cells), wavenumber.sqrt()};
}

std::string describe_transforms(Grid const& grid) {
  std::string text;
  for (int a = 3 - grid.dimensions(); a < 3; ++a) {
    auto const& axis = grid.axis(a);
    text += concat(text.empty() ? "" : "; ", axis.name, ": ");
    switch (transform_of(grid, a)) {
      case Transform::fourier:
        text += "Fourier (periodic)";
        break;
      case Transform::cosine:
        text += "cosine transform (not periodic)";
        break;
      case Transform::average:
        text += concat("not transformed (",
                       axis.is_uniform() ? "on a sphere" : "stretched",
                       "), energy averaged by volume");
        break;
      case Transform::none:
        text += "one cell";
        break;
    }
  }
  return text;
}

}  // namespace eddyline
