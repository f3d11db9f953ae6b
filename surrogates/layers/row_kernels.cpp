#include "surrogates/layers/row_kernels.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#if defined(__x86_64__)
#include <immintrin.h>
#define EDDYLINE_VECTORS __attribute__((target("avx512f,avx512vl,avx512dq,fma")))
#endif

namespace eddyline::rows {

#if defined(__x86_64__)

namespace {

constexpr int64_t kVector = 16;  // float32 numbers

EDDYLINE_VECTORS inline __mmask16 mask_of(int64_t count) {
  return static_cast<__mmask16>((1U << std::clamp<int64_t>(count, 0, kVector)) - 1U);
}

/// e^x of x ≤ 0, to two units of the last place.
EDDYLINE_VECTORS inline __m512 exponential(__m512 x) {
  x = _mm512_max_ps(_mm512_set1_ps(-87.0F), x);  // in this order NaN passes
  auto const n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504F)),
                                      _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  auto r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375F), x);
  r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4F), r);
  auto p = _mm512_set1_ps(1.9875691500e-4F);  // Cephes, expf
  for (auto const c : {1.3981999507e-3F,
                       8.3334519073e-3F,
                       4.1665795894e-2F,
                       1.6666665459e-1F,
                       5.0000001201e-1F,
                       1.0F,
                       1.0F}) {
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(c));
  }
  return _mm512_scalef_ps(p, n);
}

/// x Φ(x), Φ to 1e-7. Source: Abramowitz & Stegun, 7.1.26.
EDDYLINE_VECTORS inline __m512 gelu(__m512 x) {
  auto const one = _mm512_set1_ps(1.0F);
  auto const z = _mm512_mul_ps(_mm512_abs_ps(x), _mm512_set1_ps(0.70710678F));
  auto const t = _mm512_div_ps(one, _mm512_fmadd_ps(z, _mm512_set1_ps(0.3275911F), one));
  auto p = _mm512_set1_ps(1.061405429F);
  for (auto const c : {-1.453152027F, 1.421413741F, -0.284496736F, 0.254829592F, 0.0F}) {
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(c));
  }
  auto const tail =
      _mm512_mul_ps(p, exponential(_mm512_sub_ps(_mm512_setzero_ps(), _mm512_mul_ps(z, z))));
  // Φ(−|x|) = tail / 2 loses nothing to cancellation; Φ(|x|) = 1 − tail / 2.
  auto const below = _mm512_mul_ps(_mm512_set1_ps(0.5F), tail);
  auto const negative = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ);
  return _mm512_mul_ps(x, _mm512_mask_blend_ps(negative, _mm512_sub_ps(one, below), below));
}

// GCC 12 warns of its own reductions.
EDDYLINE_VECTORS inline float largest(__m512 x) {
  alignas(64) float lanes[kVector];
  _mm512_store_ps(lanes, x);
  return *std::max_element(lanes, lanes + kVector);
}

EDDYLINE_VECTORS inline float total(__m512 x) {
  alignas(64) float lanes[kVector];
  _mm512_store_ps(lanes, x);
  return std::accumulate(lanes, lanes + kVector, 0.0F);
}

}  // namespace

EDDYLINE_VECTORS void finish(float* y, float const* bias, int64_t columns, End end) {
  for (int64_t c = 0; c < columns; c += kVector) {
    auto const mask = mask_of(columns - c);
    auto value = _mm512_maskz_loadu_ps(mask, y + c);
    if (bias != nullptr) {
      value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(mask, bias + c));
    }
    _mm512_mask_storeu_ps(y + c, mask, end == End::gelu ? gelu(value) : value);
  }
}

EDDYLINE_VECTORS float exponentiate(float* row, int64_t count, float scale) {
  auto most = _mm512_set1_ps(-std::numeric_limits<float>::infinity());
  for (int64_t c = 0; c < count; c += kVector) {
    auto const mask = mask_of(count - c);
    most = _mm512_mask_max_ps(most, mask, most, _mm512_maskz_loadu_ps(mask, row + c));
  }
  auto const factor = _mm512_set1_ps(scale), top = _mm512_set1_ps(largest(most));
  auto sum = _mm512_setzero_ps();
  for (int64_t c = 0; c < count; c += kVector) {
    auto const mask = mask_of(count - c);
    auto const off = _mm512_sub_ps(_mm512_maskz_loadu_ps(mask, row + c), top);
    auto const value = exponential(_mm512_mul_ps(off, factor));
    _mm512_mask_storeu_ps(row + c, mask, value);
    sum = _mm512_mask_add_ps(sum, mask, sum, value);
  }
  return total(sum);
}

EDDYLINE_VECTORS void sum_around_first(
    float const* data, int64_t count, int64_t width, float* sum, float* square) {
  for (int64_t c = 0; c < width; c += kVector) {
    auto const mask = mask_of(width - c);
    auto const first = _mm512_maskz_loadu_ps(mask, data + c);
    auto total = _mm512_setzero_ps(), squares = _mm512_setzero_ps();
    for (int64_t r = 1; r < count; ++r) {
      auto const off = _mm512_sub_ps(_mm512_maskz_loadu_ps(mask, data + r * width + c), first);
      total = _mm512_add_ps(total, off);
      squares = _mm512_fmadd_ps(off, off, squares);
    }
    _mm512_mask_storeu_ps(sum + c, mask, total);
    _mm512_mask_storeu_ps(square + c, mask, squares);
  }
}

#else

void sum_around_first(float const*, int64_t, int64_t, float*, float*) {}
void finish(float*, float const*, int64_t, End) {}
float exponentiate(float*, int64_t, float) {
  return 0;
}

#endif

}  // namespace eddyline::rows
