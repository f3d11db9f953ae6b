#include "surrogates/gphyt/derivatives.hpp"

#include <ATen/ATen.h>

#include "data/sharding/collectives.hpp"

namespace eddyline {
namespace {

/// Writes the differences of x along `axis` into `out` of the same shape.
void subtract_neighbours(at::Tensor const& x, int64_t axis, at::Tensor const& out) {
  auto const n = x.size(axis);
  if (n == 1) {
    out.zero_();
    return;
  }
  auto const from = [axis](at::Tensor const& values, int64_t first, int64_t count) {
    return values.narrow(axis, first, count);
  };
  auto const write = [&](int64_t first, int64_t count, int64_t below, int64_t above) {
    auto part = from(out, first, count);
    at::sub_out(part, from(x, above, count), from(x, below, count));
  };
  write(0, 1, 0, 1);
  write(1, n - 2, 0, 2);
  write(n - 1, 1, n - 2, n - 1);
}

/// The same of an axis that is divided.
void subtract_neighbours(at::Tensor const& x,
                         int64_t axis,
                         AxisParts const& parts,
                         at::Tensor const& out) {
  auto const n = x.size(axis);
  auto const around = with_halo(x, axis, parts, {1, 1}, Border::replicate);
  auto part = out;
  at::sub_out(part, around.narrow(axis, 2, n), around.narrow(axis, 0, n));
}

}  // namespace

at::Tensor differences(at::Tensor const& x, GphytDifferences precision, Sharding const* sharding) {
  at::NoGradGuard const no_grad;
  bool const rounds = precision == GphytDifferences::bf16;
  auto cells = x.detach();
  if (cells.scalar_type() != at::kDouble) {
    cells = cells.to(at::kFloat);
  }
  if (rounds) {
    cells = cells.to(at::kBFloat16).to(cells.scalar_type());
  }
  auto shape = x.sizes().vec();
  auto const fields = shape[2];
  shape[2] = 3 * fields;
  auto const all = at::empty(shape, cells.options());
  int64_t first = 0;
  for (int64_t const axis : {1, 3, 4}) {
    auto const out = all.narrow(2, first, fields);
    auto const grid_axis = static_cast<size_t>(axis) - 2;  // of H and W
    if (axis > 1 && sharding && sharding->axis(grid_axis).is_divided()) {
      subtract_neighbours(cells, axis, sharding->axis(grid_axis), out);
    } else {
      subtract_neighbours(cells, axis, out);
    }
    first += fields;
  }
  return rounds ? all.to(at::kBFloat16).to(all.scalar_type()) : all;
}

at::Tensor time_differences(at::Tensor const& x) {
  at::NoGradGuard const no_grad;
  auto const steps = at::empty(x.sizes(), x.options());
  subtract_neighbours(x.detach(), 1, steps);
  return steps;
}

}  // namespace eddyline
