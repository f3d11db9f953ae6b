#include "surrogates/layers/tile_attention.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/record_function.h>

#include "surrogates/layers/row_kernels.hpp"
#include "surrogates/layers/tile_product.hpp"

namespace eddyline {
namespace {

constexpr int64_t kLeastKeys = 64;    // below, tiles are mostly padding
constexpr int64_t kMostKeys = 16384;  // of which a panel's scores are 4 MiB
constexpr int64_t kQueries = 64;      // of a panel

/// One head: q (n, d), k and v (m, d) contiguous in d, out (n, d) contiguous in d.
void attend_with_tiles(at::Tensor const& q,
                       at::Tensor const& k,
                       at::Tensor const& v,
                       Precision precision,
                       at::Tensor const& out) {
  TileMatrix const keys(k, precision), values(v.t(), precision);
  auto const scale = static_cast<float>(1 / std::sqrt(static_cast<double>(q.size(1))));
  auto const room = at::empty({std::min(kQueries, q.size(0)), k.size(0)}, q.options());
  for (int64_t first = 0; first < q.size(0); first += kQueries) {
    auto const rows = std::min(kQueries, q.size(0) - first);
    auto const scores = room.narrow(0, 0, rows), mixed = out.narrow(0, first, rows);
    keys.multiply(q.narrow(0, first, rows), scores, {});
    std::array<float, kQueries> sums{};
    for (int64_t r = 0; r < rows; ++r) {
      sums[static_cast<size_t>(r)] = rows::exponentiate(
          scores.mutable_data_ptr<float>() + r * scores.stride(0), k.size(0), scale);
    }
    values.multiply(scores, mixed, {});
    for (int64_t r = 0; r < rows; ++r) {
      auto* const row = mixed.mutable_data_ptr<float>() + r * mixed.stride(0);
      auto const share = 1 / sums[static_cast<size_t>(r)];
      std::transform(row, row + q.size(1), row, [share](float x) { return share * x; });
    }
  }
}

}  // namespace

at::Tensor frozen_attention(at::Tensor const& q,
                            at::Tensor const& k,
                            at::Tensor const& v,
                            Precision precision) {
  bool const tiled = q.is_cpu() && q.scalar_type() == at::kFloat && has_tiles() &&
                     k.size(2) >= kLeastKeys && k.size(2) <= kMostKeys && q.stride(3) == 1 &&
                     k.stride(3) == 1 && v.stride(3) == 1;
  if (!tiled) {
    auto const type = precision == Precision::bf16 ? at::kBFloat16 : q.scalar_type();
    return at::scaled_dot_product_attention(q.to(type), k.to(type), v.to(type)).to(q.scalar_type());
  }
  RECORD_FUNCTION("eddyline::tile_attention", (std::vector<c10::IValue>{q, k, v}));
  auto const heads = q.size(1);
  auto const out = at::empty({q.size(0), q.size(2), heads, q.size(3)}, q.options()).transpose(1, 2);
  at::parallel_for(0, q.size(0) * heads, 1, [&](int64_t begin, int64_t end) {
    for (auto i = begin; i < end; ++i) {
      auto const own = [&](at::Tensor const& x) {
        return x.select(0, i / heads).select(0, i % heads);
      };
      attend_with_tiles(own(q), own(k), own(v), precision, own(out));
    }
  });
  return out;
}

}  // namespace eddyline
