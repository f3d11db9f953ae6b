// Two ways to do the same, timed turn by turn in one process, so that a busy machine slows both.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

namespace eddyline::bench {

/// Takes the options of all races out of the command line. `--profile`: every race also takes a
/// profile of both actions (profile.hpp), which the next report prints. `--device=cuda`: networks
/// and samples are on the first GPU. `--batch=N`: so many samples instead of a case's own number.
/// The first act of main: where a GPU is asked for, nothing of LibTorch may be used before.
/// \throw Error  where there is no GPU, saying why
void read_options(int& argc, char** argv);
/// Where networks and samples are.
at::Device device();
/// Samples of a case that has `of_case`.
int64_t batch_size(int64_t of_case);
/// Normal numbers there, the first number of `shape` being samples.
at::Tensor random_samples(std::vector<int64_t> shape);

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

/// Races a training step that keeps its activations against one that makes them again, and prints
/// one line: both times [ms] and what the second takes of the first.
void report_recompute(char const* name,
                      std::function<void()> const& keeps,
                      std::function<void()> const& recomputes,
                      int rounds);

/// Bytes from the least to the most that LibTorch's CPU allocator had given this thread during the
/// second of two runs of `action`: all that it needs beside what outlives it. Scratch memory inside
/// libraries is not seen. On a GPU: 0, which report_memory leaves out.
int64_t peak_memory(std::function<void()> const& action);
/// One line: both peaks and their ratio (plain over ours).
void report_memory(char const* name, char const* what, int64_t plain, int64_t ours);

}  // namespace eddyline::bench
