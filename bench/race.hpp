// Two ways to do the same, timed turn by turn in one process, so that a busy machine slows both.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

namespace eddyline::bench {

/// Least times [s] of two actions that take turns: with one thread the processor's time, which a
/// busy machine stretches least, else the clock's.
std::pair<double, double> race(std::function<void()> const& a,
                               std::function<void()> const& b,
                               int rounds);

/// The first lines of a table: threads and columns.
void print_heading();

/// One line: both times [ms], their ratio (plain over ours) and the largest difference of results.
void report(char const* name, char const* what, std::pair<double, double> times, double difference);
/// One line: how the plain form's time compares with what the authors' code took on another day of
/// the same kind of machine (`quoted` [ms]; 0: unknown, no line).
void report_quoted(char const* name, char const* what, double plain_seconds, double quoted);

/// Most bytes that LibTorch's CPU allocator gave this thread and held at once in the second of two
/// runs of `action`, without what was there before the first. Scratch memory inside libraries is
/// not seen.
int64_t peak_memory(std::function<void()> const& action);
/// One line: both peaks and their ratio (plain over ours).
void report_memory(char const* name, char const* what, int64_t plain, int64_t ours);

}  // namespace eddyline::bench
