#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace eddyline {

/// Names a random stream. Values depend on this key and the global index of what they are for,
/// never on how many ranks there are or what was drawn before.
struct RandomKey {
  uint64_t seed = 0;
  uint64_t step = 0;   ///< optimiser step
  uint64_t layer = 0;  ///< place in the network, or purpose of the stream
};

/// Philox 4x32-10: a bijection of counters for each key.
/// Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", SC'11.
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// Four 32-bit words of the block at (key, index, position).
std::array<uint32_t, 4> philox(RandomKey const& key, uint64_t index, uint64_t position);

/// Uniform on [0, 1): `out` is (N, …) float32 or float64, contiguous, on the host or a GPU; row n
/// holds the stream of global index `indices[n]`. The same bits on every device.
void fill_uniform(at::Tensor const& out, RandomKey const& key, std::vector<int64_t> const& indices);

/// Parts of the rows that float32 fill_uniform makes, on the host.
/// \param out      (N, n) contiguous: row i holds n numbers of the stream of indices[i]
/// \param places   row i begins with number places[i]·n of its stream
void fill_uniform_at(at::Tensor const& out,
                     RandomKey const& key,
                     std::vector<int64_t> const& indices,
                     std::vector<int64_t> const& places);

/// Single numbers of the rows that float32 fill_uniform makes, on the host.
/// \param out      (N, n) contiguous: number firsts[i] + columns[j] of the stream of indices[i]
/// \param columns  n, ascending
void fill_uniform_in(at::Tensor const& out,
                     RandomKey const& key,
                     std::vector<int64_t> const& indices,
                     std::vector<int64_t> const& firsts,
                     std::vector<int64_t> const& columns);

/// The same numbers as float32 fill_uniform, made by integer operations of tensors on `device`.
at::Tensor uniform_by_tensors(std::vector<int64_t> const& shape,
                              RandomKey const& key,
                              std::vector<int64_t> const& indices,
                              at::Device device);

/// Standard normal (Box-Muller), same addressing; made on the host.
void fill_normal(at::Tensor const& out, RandomKey const& key, std::vector<int64_t> const& indices);

/// Parts of the rows that float32 fill_normal makes, on the host or a GPU.
/// \param out     (N, n) contiguous: row i holds n numbers of the stream of indices[i]
/// \param firsts  row i begins with that number of its stream
void fill_normal_from(at::Tensor const& out,
                      RandomKey const& key,
                      std::vector<int64_t> const& indices,
                      std::vector<int64_t> const& firsts);

/// Permutation of 0 … n-1 that depends on the key only.
std::vector<int64_t> permutation(int64_t n, RandomKey const& key);

}  // namespace eddyline
