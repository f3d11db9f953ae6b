#include "data/pipeline/moments.hpp"

#include <array>

namespace eddyline {
namespace {

constexpr int64_t kLanes = 8;  // independent sums: the adder's latency would bound a single one

/// Two passes, mean first, so that a large mean costs no digits of the variance.
template <class Value, class Weight>
Moments two_passes(int64_t n, Value value, Weight weight) {
  std::array<double, kLanes> sum{};
  std::array<double, kLanes> count{};
  for (int64_t i = 0; i < n; ++i) {
    double const x = value(i);
    bool const there = x == x;
    count[static_cast<size_t>(i % kLanes)] += there ? weight(i) : 0;
    sum[static_cast<size_t>(i % kLanes)] += there ? weight(i) * x : 0;
  }
  Moments moments;
  double total = 0;
  for (size_t lane = 0; lane < kLanes; ++lane) {
    moments.count += count[lane];
    total += sum[lane];
  }
  moments.mean = moments.count > 0 ? total / moments.count : 0;
  std::array<double, kLanes> square{};
  for (int64_t i = 0; i < n; ++i) {
    double const x = value(i);
    double const off = x - moments.mean;
    square[static_cast<size_t>(i % kLanes)] += x == x ? weight(i) * off * off : 0;
  }
  for (auto const lane : square) {
    moments.m2 += lane;
  }
  return moments;
}

template <class Value>
Moments weighted(int64_t n, double const* weights, Value value) {
  if (weights == nullptr) {
    return two_passes(n, value, [](int64_t) { return 1.0; });
  }
  return two_passes(n, value, [weights](int64_t i) { return weights[i]; });
}

}  // namespace

void Moments::merge(Moments const& other) {
  if (other.count == 0) {
    return;
  }
  auto const all = count + other.count;
  auto const shift = other.mean - mean;
  mean += shift * (other.count / all);
  m2 += other.m2 + shift * shift * (count * other.count / all);
  count = all;
}

Moments moments_of(float const* values, double const* weights, int64_t n) {
  return weighted(n, weights, [values](int64_t i) { return static_cast<double>(values[i]); });
}

Moments moments_of_difference(float const* a, float const* b, double const* weights, int64_t n) {
  return weighted(n, weights, [a, b](int64_t i) {
    return static_cast<double>(b[i]) - static_cast<double>(a[i]);
  });
}

}  // namespace eddyline
