#include "surrogates/fno/spectral.hpp"

#include <numbers>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "data/sharding/collectives.hpp"

namespace eddyline {
namespace {

/// Cells of an axis that a rank holds.
struct Places {
  int64_t first, own, all;
};

/// cos and sin of 2π k x/n in float64: (frequencies, own cells). k x is reduced to one turn first,
/// in integers.
at::Tensor turns(at::Tensor const& frequencies, Places const& x) {
  auto const cells = x.all;
  auto const places = at::arange(x.first, x.first + x.own, frequencies.options());
  auto const angle = (frequencies.unsqueeze(1) * places).remainder(cells).to(at::kDouble) *
                     (2 * std::numbers::pi / static_cast<double>(cells));
  return at::complex(at::cos(angle), at::sin(angle));
}

/// matrix (m, n) times x (outer…, n at `axis`, inner…).
at::Tensor along(at::Tensor const& matrix, at::Tensor const& x, int64_t axis) {
  auto sizes = x.sizes().vec();
  auto const lines = x.flatten(axis + 1).flatten(0, axis - 1);  // (outer, n, inner)
  sizes[static_cast<size_t>(axis)] = matrix.size(0);
  return at::bmm(matrix.unsqueeze(0).expand({lines.size(0), -1, -1}), lines).view(sizes);
}

}  // namespace

void FourierModes::check(std::vector<int64_t> const& cells, std::vector<size_t> const& axes) const {
  for (size_t a = 0; a < kept.size(); ++a) {
    auto const most = cells[a] / 2 + (a + 1 == kept.size() ? 1 : 0);
    require(kept[a] <= most,
            "axis ",
            "DHW"[axes[a]],
            " has ",
            cells[a],
            " points, too few for model.modes ",
            kept[a],
            "; set model.modes there to at most ",
            most);
  }
}

FourierBasis::FourierBasis(FourierModes const& modes,
                           at::Tensor const& like,
                           std::vector<AxisParts> const& lines,
                           Mesh::Group group)
    : group_(std::move(group)) {
  auto const first = like.dim() - static_cast<int64_t>(modes.kept.size());
  auto const whole = like.options().dtype(at::kLong);
  auto const complex = at::toComplexType(like.scalar_type());
  for (size_t a = 0; a < modes.kept.size(); ++a) {
    auto const kept = modes.kept[a];
    auto const own = like.size(first + static_cast<int64_t>(a));
    auto const x = lines.empty() ? Places{0, own, own}
                                 : Places{lines[a].first(), lines[a].own(), lines[a].total()};
    auto const cells = x.all;
    auto const per_cell = 1 / static_cast<double>(cells);
    if (a + 1 < modes.kept.size()) {
      auto const wave = turns(at::cat({at::arange(kept, whole), at::arange(-kept, 0, whole)}), x);
      full_.push_back({.to_modes = (wave.conj() * per_cell).resolve_conj().to(complex),
                       .to_cells = wave.t().contiguous().to(complex)});
    } else {
      auto const frequencies = at::arange(kept, whole);
      auto const pairs = at::view_as_real(turns(frequencies, x).conj().resolve_conj());
      auto const single = (frequencies * 2).remainder(cells) == 0;  // 0 and Nyquist's
      auto const weight = at::where(single, 1.0, 2.0).to(at::kDouble).view({-1, 1, 1});
      auto const rows = [&](at::Tensor const& x) {
        return x.transpose(1, 2).flatten(0, 1).to(like.scalar_type());  // (2 modes, cells)
      };
      half_ = {.to_modes = rows(pairs * per_cell).t().contiguous(),
               .to_cells = rows(pairs * weight).contiguous()};
    }
  }
}

at::Tensor FourierBasis::analyse(at::Tensor const& v) const {
  auto c = at::view_as_complex(at::matmul(v, half_.to_modes).unflatten(-1, {-1, 2}));
  for (size_t a = full_.size(); a-- > 0;) {
    c = along(full_[a].to_modes, c, static_cast<int64_t>(a) + 2);
  }
  return group_ ? at::view_as_complex(sum_over(at::view_as_real(c.contiguous()), group_)) : c;
}

at::Tensor FourierBasis::synthesise(at::Tensor const& coefficients) const {
  auto c = coefficients;
  for (size_t a = 0; a < full_.size(); ++a) {
    c = along(full_[a].to_cells, c, static_cast<int64_t>(a) + 2);
  }
  return at::matmul(at::view_as_real(c.contiguous()).flatten(-2), half_.to_cells);
}

SpectralConvolution::SpectralConvolution(int64_t in, int64_t out, FourierModes const& modes) {
  std::vector<int64_t> shape;
  for (size_t a = 0; a < modes.kept.size(); ++a) {
    shape.push_back(modes.kept[a] * (a + 1 < modes.kept.size() ? 2 : 1));
  }
  shape.insert(shape.end(), {in, out, 2});
  weight = register_parameter("weight", at::zeros(shape));
}

at::Tensor SpectralConvolution::forward(at::Tensor const& v, FourierBasis const& basis) const {
  auto const c = basis.analyse(v);
  auto sizes = c.sizes().vec();
  auto const matrices = at::view_as_complex(weight).flatten(0, -3);       // (K, in, out)
  auto const mixed = at::bmm(c.flatten(2).permute({2, 0, 1}), matrices);  // (K, B, out)
  sizes[1] = mixed.size(2);
  return basis.synthesise(mixed.permute({1, 2, 0}).reshape(sizes));
}

}  // namespace eddyline
