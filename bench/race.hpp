// Two ways to do the same, timed turn by turn in one process, so that a busy machine slows both.
#pragma once

#include <functional>
#include <utility>

namespace eddyline::bench {

/// Least times [s] of two actions that take turns.
std::pair<double, double> race(std::function<void()> const& a,
                               std::function<void()> const& b,
                               int rounds);

/// The first lines of a table: threads and columns.
void print_heading();

/// One line: both times [ms], their ratio (plain over ours) and the largest difference of results.
void report(char const* name, char const* what, std::pair<double, double> times, double difference);

}  // namespace eddyline::bench
