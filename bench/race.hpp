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

/// The same for the peak of memory [MiB] in place of times.
void report_memory(char const* name, char const* what, std::pair<double, double> bytes);

/// Times of the reference's own code [ms] beside a plain form's, from a table: what a machine of
/// another kind took, so their ratio tells only that the plain form is not slowed.
void report_quoted(char const* name, char const* what, char const* where, double milliseconds);

/// One line: both times [ms], their ratio (plain over ours) and the largest difference of results.
void report(char const* name, char const* what, std::pair<double, double> times, double difference);

}  // namespace eddyline::bench
