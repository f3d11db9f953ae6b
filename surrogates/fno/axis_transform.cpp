#include "surrogates/fno/axis_transform.hpp"

#include <numbers>

#include <ATen/ATen.h>

namespace eddyline {
namespace {

/// exp(2πi k x/n) in float64: (frequencies, cells). k x is reduced to one turn first, in integers.
at::Tensor waves(at::Tensor const& frequencies, AxisTransform::Cells const& x) {
  auto const places = at::arange(x.first, x.first + x.here, frequencies.options());
  auto const angle = (frequencies.unsqueeze(1) * places).remainder(x.all).to(at::kDouble) *
                     (2 * std::numbers::pi / static_cast<double>(x.all));
  return at::complex(at::cos(angle), at::sin(angle));
}

/// matrix (m, n) times x (outer…, n at `dim`, inner…).
at::Tensor along(at::Tensor const& matrix, at::Tensor const& x, int64_t dim) {
  if (dim + 1 == x.dim()) {
    return at::matmul(x, matrix.t());
  }
  auto sizes = x.sizes().vec();
  auto const lines = x.flatten(dim + 1).flatten(0, dim - 1);  // (outer, n, inner)
  sizes[static_cast<size_t>(dim)] = matrix.size(0);
  return at::bmm(matrix.unsqueeze(0).expand({lines.size(0), -1, -1}), lines).view(sizes);
}

}  // namespace

AxisTransform::AxisTransform(
    Frequencies frequencies, Values values, int64_t kept, Cells cells, at::Tensor const& like)
    : values_(values) {
  auto const integers = like.options().dtype(at::kLong);
  auto const low = at::arange(kept, integers);
  bool const is_half = frequencies == Frequencies::from_zero;
  auto const k = is_half ? low : at::cat({low, at::arange(-kept, 0, integers)});
  modes_ = k.numel();
  auto const is_single = is_half ? (k * 2).remainder(cells.all) == 0 : at::ones_like(k, at::kBool);
  auto const weight = at::where(is_single, 1.0, 2.0).to(at::kDouble).unsqueeze(1);
  auto const wave = waves(k, cells);
  auto const type = like.scalar_type();
  auto const there = wave.conj().resolve_conj() / static_cast<double>(cells.all);
  auto const back = wave * weight;
  if (values == Values::real) {
    auto const rows = [&](at::Tensor const& x) {
      return at::view_as_real(x).transpose(1, 2).flatten(0, 1).to(type);  // (2 modes, cells)
    };
    to_modes_ = rows(there).contiguous();
    to_cells_ = rows(back.conj().resolve_conj()).t();  // Re((a + bi) e^{iφ}) = a cos φ − b sin φ
  } else {
    to_modes_ = there.to(at::toComplexType(type));
    to_cells_ = back.t().contiguous().to(at::toComplexType(type));
  }
}

at::Tensor AxisTransform::analyse(at::Tensor const& v, int64_t dim) const {
  auto const c = along(to_modes_, v, dim);
  if (values_ == Values::complex) {
    return c;
  }
  return at::view_as_complex(c.unflatten(dim, {modes_, 2}).movedim(dim + 1, -1).contiguous());
}

at::Tensor AxisTransform::synthesise(at::Tensor const& c, int64_t dim) const {
  if (values_ == Values::complex) {
    return along(to_cells_, c, dim);
  }
  auto const pairs = at::view_as_real(c.contiguous()).movedim(-1, dim + 1);
  return along(to_cells_, pairs.flatten(dim, dim + 1), dim);
}

}  // namespace eddyline
