#include "surrogates/gphyt/positions.hpp"

#include <ATen/ATen.h>

namespace eddyline {
namespace {

constexpr double kBase = 10000;

}  // namespace

GphytTable::GphytTable(GphytCounts counts, int64_t dim) {
  pe = register_parameter("pe", at::zeros({1, counts[0], counts[1], counts[2], dim}));
}

GphytRotation GphytRotation::last(int64_t rows) const {
  if (is_identity()) {
    return *this;
  }
  auto const first = cosine.size(0) - rows;
  return {cosine.narrow(0, first, rows), sine.narrow(0, first, rows)};
}

at::Tensor rotation_frequencies(int64_t d, at::TensorOptions const& options) {
  auto const exponent = at::arange(0, d, 2, options.dtype(at::kFloat)) / static_cast<double>(d);
  return at::reciprocal(at::pow(kBase, exponent));
}

at::Tensor own_rows(at::Tensor const& table, Sharding const* patches) {
  if (!patches) {
    return table;
  }
  auto const& box = patches->block().box;
  return table.narrow(2, box.first[1], box.size[1]).narrow(3, box.first[2], box.size[2]);
}

GphytRotation rotation(GphytCounts counts,
                       int64_t dim,
                       at::TensorOptions const& options,
                       Sharding const* patches) {
  at::NoGradGuard const no_grad;
  auto const first = patches ? patches->block().box.first : std::array<int64_t, 3>{};
  auto const third = dim / 3;
  auto const single = options.dtype(at::kFloat);
  auto const frequency = rotation_frequencies(third, options);
  auto const angles = [&](int64_t from, int64_t count, at::IntArrayRef place) {
    auto const along = at::arange(from, from + count, single).unsqueeze(1) * frequency;
    return along.view({place[0], place[1], place[2], third / 2})
        .expand({counts[0], counts[1], counts[2], third / 2});
  };
  auto const own = at::stack({angles(0, counts[0], {counts[0], 1, 1}),
                              angles(first[2], counts[2], {1, 1, counts[2]}),
                              angles(first[1], counts[1], {1, counts[1], 1})},
                             3)
                       .flatten(1, 2);
  auto const type = c10::typeMetaToScalarType(options.dtype());
  return {at::cos(own).to(type), at::sin(own).to(type)};
}

at::Tensor rotate(at::Tensor const& u, GphytRotation const& rotation) {
  auto const third = u.size(-1) / 3;
  auto const halves = u.view({u.size(0), u.size(1), u.size(2), 3, 2, third / 2});
  auto const a = halves.select(4, 0), b = halves.select(4, 1);
  auto const& c = rotation.cosine;
  auto const& s = rotation.sine;
  return at::stack({a * c - b * s, b * c + a * s}, 4).view(u.sizes());
}

}  // namespace eddyline
