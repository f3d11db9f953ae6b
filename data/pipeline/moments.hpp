#pragma once

#include <cstdint>

namespace eddyline {

/// Count (or sum of weights), mean and sum of squared deviations of some values, in float64.
struct Moments {
  double count = 0;
  double mean = 0;
  double m2 = 0;

  /// Adds the values of another set.
  /// Source: Chan, Golub & LeVeque 1983, Am. Stat. 37, eq. 2.1.
  void merge(Moments const& other);
  /// Population variance; 0 of nothing.
  double variance() const { return count > 0 ? m2 / count : 0; }
};

/// Moments of `n` values, NaN left out. \param weights  one a value, or nullptr for 1 each
Moments moments_of(float const* values, double const* weights, int64_t n);

/// Moments of b − a where both are there.
Moments moments_of_difference(float const* a, float const* b, double const* weights, int64_t n);

}  // namespace eddyline
