#include "surrogates/ifactformer/moments.hpp"

#include <algorithm>
#include <type_traits>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/OpMathType.h>
#include <ATen/Parallel.h>

#include "surrogates/layers/row_kernels.hpp"
#include "surrogates/layers/tile_kernels.hpp"

namespace eddyline {
namespace {

constexpr int64_t kChunk = 128;  // rows: with 96 columns 48 KiB, which the nearest caches hold

/// Sums over rows of their distance from the first, and of its square.
template <class Value, class Sum>
void sum_around_first(Value const* rows, int64_t count, int64_t width, Sum* sum, Sum* square) {
  if constexpr (std::is_same_v<Value, float>) {
    if (tiles::are_compiled()) {
      eddyline::rows::sum_around_first(rows, count, width, sum, square);
      return;
    }
  }
  std::fill(sum, sum + width, Sum{0});
  std::fill(square, square + width, Sum{0});
  for (int64_t r = 1; r < count; ++r) {
    auto const* const row = rows + r * width;
    for (int64_t c = 0; c < width; ++c) {
      auto const off = static_cast<Sum>(row[c]) - static_cast<Sum>(rows[c]);
      sum[c] += off;
      square[c] += off * off;
    }
  }
}

/// Mean and sum of squared deviations of each column of `count` rows, from sums around the first
/// row. That row is one of them: with its own share in the deviations, squares cancel to at most
/// `count` roundings however far off it lies.
template <class Value, class Sum>
void chunk_moments(Value const* rows, int64_t count, int64_t width, Sum* mean, Sum* square) {
  sum_around_first(rows, count, width, mean, square);
  auto const share = Sum{1} / static_cast<Sum>(count);
  for (int64_t c = 0; c < width; ++c) {
    auto const off = mean[c] * share;
    square[c] = std::max(square[c] - off * mean[c], Sum{0});
    mean[c] = static_cast<Sum>(rows[c]) + off;
  }
}

/// Merges the chunks (chunks, 2, width) of one sample.
template <class Sum>
void merge(Sum const* parts, int64_t rows, int64_t width, Sum* mean, Sum* variance) {
  std::vector<double> centre(static_cast<size_t>(width)), square(static_cast<size_t>(width));
  for (int64_t first = 0; first < rows; first += kChunk) {
    auto const* const part = parts + first / kChunk * 2 * width;
    auto const seen = static_cast<double>(first);
    auto const share = static_cast<double>(std::min(kChunk, rows - first)) /
                       static_cast<double>(std::min(first + kChunk, rows));
    for (size_t c = 0; c < centre.size(); ++c) {
      auto const off = static_cast<double>(part[c]) - centre[c];
      centre[c] += off * share;
      square[c] += static_cast<double>(part[centre.size() + c]) + off * off * seen * share;
    }
  }
  for (size_t c = 0; c < centre.size(); ++c) {
    mean[c] = static_cast<Sum>(centre[c]);
    variance[c] = static_cast<Sum>(square[c] / static_cast<double>(rows));
  }
}

template <class Value>
Moments host_moments(at::Tensor const& values) {
  using Sum = at::opmath_type<Value>;
  auto const batch = values.size(0), rows = values.size(1), width = values.size(2);
  auto const chunks = (rows + kChunk - 1) / kChunk;
  at::TensorOptions const options = values.options().dtype(c10::CppTypeToScalarType<Sum>::value);
  at::Tensor const parts = at::empty({batch, chunks, 2, width}, options);
  Moments const result{.mean = at::empty({batch, width}, options),
                       .variance = at::empty({batch, width}, options)};
  auto const* const data = values.const_data_ptr<Value>();
  auto* const partial = parts.mutable_data_ptr<Sum>();
  at::parallel_for(0, batch * chunks, 1, [&](int64_t begin, int64_t end) {
    for (auto i = begin; i < end; ++i) {
      auto const first = i % chunks * kChunk;
      auto* const part = partial + i * 2 * width;
      chunk_moments(data + (i / chunks * rows + first) * width,
                    std::min(kChunk, rows - first),
                    width,
                    part,
                    part + width);
    }
  });
  for (int64_t b = 0; b < batch; ++b) {
    merge(partial + b * chunks * 2 * width,
          rows,
          width,
          result.mean.mutable_data_ptr<Sum>() + b * width,
          result.variance.mutable_data_ptr<Sum>() + b * width);
  }
  return result;
}

}  // namespace

Moments column_moments(at::Tensor const& rows) {
  at::NoGradGuard const no_grad;
  if (rows.size(1) == 0) {
    auto const none = at::zeros({rows.size(0), rows.size(2)},
                                rows.options().dtype(at::toOpMathType(rows.scalar_type())));
    return {.mean = none, .variance = none};
  }
  if (!rows.is_cpu()) {
    auto const wide = rows.scalar_type() == at::kBFloat16 ? rows.to(at::kFloat) : rows;
    auto const [variance, mean] = at::var_mean(wide, at::OptionalIntArrayRef({1}), 0, false);
    return {.mean = mean, .variance = variance};
  }
  auto const values = rows.contiguous();
  Moments result;
  AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, values.scalar_type(), "column_moments", [&] {
    result = host_moments<scalar_t>(values);
  });
  return result;
}

}  // namespace eddyline
