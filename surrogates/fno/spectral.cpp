#include "surrogates/fno/spectral.hpp"

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "surrogates/layers/recompute.hpp"

namespace eddyline {
namespace {

std::vector<ModeAxis> axes_of(FourierModes const& modes,
                              at::Tensor const& like,
                              std::vector<AxisParts> const& lines) {
  std::vector<ModeAxis> axes;
  auto const count = modes.kept.size();
  for (size_t a = 0; a < count; ++a) {
    auto const own = like.size(like.dim() - static_cast<int64_t>(count - a));
    axes.push_back({.cells = lines.empty() ? own : lines[a].total(),
                    .modes = modes.kept[a] * (a + 1 < count ? 2 : 1),
                    .ranks = lines.empty() ? 1 : lines[a].ranks()});
  }
  return axes;
}

/// Numbers of modes among all, the last axis running fastest: (given, modes of an axis).
at::Tensor numbered(at::Tensor const& given, std::vector<ModeAxis> const& axes, size_t axis) {
  int64_t stride = 1;
  for (auto a = axis + 1; a < axes.size(); ++a) {
    stride *= axes[a].modes;
  }
  return given.unsqueeze(1) + at::arange(axes[axis].modes, given.options()) * stride;
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
                           Flight flight)
    : order_({0, 1}) {
  auto const axes = axes_of(modes, like, lines);
  auto numbers = at::zeros({1}, like.options().dtype(at::kLong));
  for (size_t a = 0; a < axes.size(); ++a) {
    if (axes[a].ranks == 1) {
      order_.push_back(static_cast<int64_t>(a) + 2);
      kept_.push_back(axes[a].modes);
      numbers = numbered(numbers, axes, a).flatten();
    }
  }
  auto values = AxisTransform::Values::real;
  for (auto const [a, route] : mode_order(axes)) {
    auto const cells = axes[a].cells;
    AxisTransform const transform(
        a + 1 < axes.size() ? AxisTransform::Frequencies::both_signs
                            : AxisTransform::Frequencies::from_zero,
        values,
        modes.kept[a],
        route == ModeRoute::sums ? AxisTransform::Cells{lines[a].first(), lines[a].own(), cells}
                                 : AxisTransform::Cells{0, cells, cells},
        like);
    values = AxisTransform::Values::complex;
    if (route == ModeRoute::own) {
      whole_.push_back({a, transform});
      continue;
    }
    order_.push_back(static_cast<int64_t>(a) + 2);
    divided_.emplace_back(route, transform, lines[a], numbers.numel(), flight);
    numbers = divided_.back().share_of(numbered(numbers, axes, a));
    own_ = numbers;
  }
}

at::Tensor FourierBasis::analyse(at::Tensor const& v) const {
  auto c = v;
  for (auto const& [axis, transform] : whole_) {
    c = transform.analyse(c, static_cast<int64_t>(axis) + 2);
  }
  auto const whole = static_cast<int64_t>(kept_.size());
  c = c.permute(order_);
  c = whole == 0 ? c.unsqueeze(2) : c.flatten(2, 1 + whole);
  for (auto const& axis : divided_) {
    c = axis.analyse(c);
  }
  return c;
}

at::Tensor FourierBasis::synthesise(at::Tensor const& coefficients) const {
  auto c = coefficients;
  for (auto axis = divided_.rbegin(); axis != divided_.rend(); ++axis) {
    c = axis->synthesise(c);
  }
  c = kept_.empty() ? c.squeeze(2) : c.unflatten(2, kept_);
  std::vector<int64_t> back(order_.size());
  for (size_t i = 0; i < order_.size(); ++i) {
    back[static_cast<size_t>(order_[i])] = static_cast<int64_t>(i);
  }
  c = c.permute(back);
  for (auto step = whole_.rbegin(); step != whole_.rend(); ++step) {
    c = step->transform.synthesise(c, static_cast<int64_t>(step->axis) + 2);
  }
  return c;
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
  auto const& own = basis.own_modes();
  // A share of the matrices is a copy: the backward pass makes another rather than keep it.
  Pass const pass{.activations = own.defined() ? Activations::recompute : Activations::keep};
  auto const c = basis.analyse(v).permute({2, 0, 1});  // (K, B, in)
  auto const mixed = run_segment(pass, *this, {c}, [weight = weight, own](auto const& in) {
    auto const all = weight.flatten(0, -4);
    return at::bmm(in[0], at::view_as_complex(own.defined() ? all.index_select(0, own) : all));
  });
  return basis.synthesise(mixed.permute({1, 2, 0}).contiguous());
}

}  // namespace eddyline
