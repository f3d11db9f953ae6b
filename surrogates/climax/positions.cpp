#include "surrogates/climax/positions.hpp"

#include <ATen/ATen.h>

namespace eddyline {
namespace {

constexpr double kBase = 10000;

/// (n) positions → (n, dim) float64
at::Tensor sines(at::Tensor const& positions, int64_t dim) {
  auto const k = at::arange(dim / 2, at::kDouble);
  auto const omega = at::pow(kBase, -k / (static_cast<double>(dim) / 2));
  auto const angle = positions.unsqueeze(1) * omega;
  return at::cat({angle.sin(), angle.cos()}, 1);
}

}  // namespace

at::Tensor sine_table(int64_t count, int64_t dim) {
  return sines(at::arange(count, at::kDouble), dim).to(at::kFloat);
}

at::Tensor sine_table(std::array<int64_t, 2> patches, int64_t dim) {
  auto const rows = at::arange(patches[0], at::kDouble).repeat_interleave(patches[1]);
  auto const columns = at::arange(patches[1], at::kDouble).repeat({patches[0]});
  return at::cat({sines(columns, dim / 2), sines(rows, dim / 2)}, 1).to(at::kFloat);
}

at::Tensor resample_positions(at::Tensor const& table,
                              std::array<int64_t, 2> from,
                              std::array<int64_t, 2> to) {
  if (from == to) {
    return table;
  }
  auto const map = table.unflatten(1, {from[0], from[1]}).permute({0, 3, 1, 2});
  return at::upsample_bicubic2d(map, {to[0], to[1]}, /*align_corners=*/false)
      .permute({0, 2, 3, 1})
      .flatten(1, 2);
}

}  // namespace eddyline
