#pragma once

#include <cmath>

#include "core/communicator.hpp"

namespace eddyline {

/// A sum that carries what rounding lost, about 106 bits in all: the rounded result hardly ever
/// depends on the order of the terms (about one sum of n terms in 2^53 / n), so neither does it on
/// how many ranks share them.
/// Source: Knuth, TAOCP 2, 4.2.2 (two-sum); Ogita, Rump & Oishi 2005, SIAM J. Sci. Comput. 26.
struct CarefulSum {
  double high = 0;
  double low = 0;

  void add(double term) {
    double const sum = high + term;
    double const part = sum - high;
    low += (high - (sum - part)) + (term - part);
    high = sum;
  }
  void add(CarefulSum const& other) {
    add(other.high);
    low += other.low;
  }
  /// Infinite or not a number if a term or the sum is.
  double value() const { return std::isfinite(low) ? high + low : high; }
};

/// The sum of all ranks' sums, the same bits on every rank. Collective.
double sum_over_ranks(CarefulSum const& part, Communicator const& ranks);

}  // namespace eddyline
