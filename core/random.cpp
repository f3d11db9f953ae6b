#include "core/random.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <numbers>
#include <numeric>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "core/gpu_random.hpp"
#include "core/transfer.hpp"

namespace eddyline {
namespace {

constexpr uint32_t kMultiplier0 = 0xD2511F53U;
constexpr uint32_t kMultiplier1 = 0xCD9E8D57U;
constexpr uint32_t kWeyl0 = 0x9E3779B9U;
constexpr uint32_t kWeyl1 = 0xBB67AE85U;
constexpr int64_t kWordMask = 0xFFFFFFFF;
constexpr int kRounds = 10;
/// Blocks made at once: a loop over them becomes vector instructions.
constexpr int kLanes = 32;

/// One word for (step, layer): SplitMix64 finaliser, so that near keys give unlike streams.
uint64_t mix(uint64_t value) {
  value += 0x9e3779b97f4a7c15ULL;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

std::array<uint32_t, 2> key_words(RandomKey const& key) {
  auto const word = mix(key.seed ^ mix(key.step ^ mix(key.layer)));
  return {static_cast<uint32_t>(word), static_cast<uint32_t>(word >> 32)};
}

double to_unit(uint32_t high, uint32_t low) {
  return static_cast<double>((uint64_t{high} << 21) ^ (low >> 11)) * 0x1.0p-53;
}

/// Blocks that are made at once.
using Positions = std::array<uint64_t, kLanes>;

/// Words of kLanes blocks, block after block. Integer arithmetic: all instruction sets agree.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__)
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
void philox_lanes(std::array<uint32_t, 2> key,
                  uint64_t index,
                  Positions const& positions,
                  uint32_t* words) {
  uint32_t c0[kLanes];
  uint32_t c1[kLanes];
  uint32_t c2[kLanes];
  uint32_t c3[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    c0[i] = static_cast<uint32_t>(positions[static_cast<size_t>(i)]);
    c1[i] = static_cast<uint32_t>(positions[static_cast<size_t>(i)] >> 32);
    c2[i] = static_cast<uint32_t>(index);
    c3[i] = static_cast<uint32_t>(index >> 32);
  }
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < kLanes; ++i) {
      auto const a = uint64_t{kMultiplier0} * c0[i];
      auto const b = uint64_t{kMultiplier1} * c2[i];
      c0[i] = static_cast<uint32_t>(b >> 32) ^ c1[i] ^ key[0];
      c1[i] = static_cast<uint32_t>(b);
      c2[i] = static_cast<uint32_t>(a >> 32) ^ c3[i] ^ key[1];
      c3[i] = static_cast<uint32_t>(a);
    }
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  for (int i = 0; i < kLanes; ++i) {
    words[4 * i] = c0[i];
    words[4 * i + 1] = c1[i];
    words[4 * i + 2] = c2[i];
    words[4 * i + 3] = c3[i];
  }
}

/// The blocks from `position` on.
void philox_lanes(std::array<uint32_t, 2> key, uint64_t index, uint64_t position, uint32_t* words) {
  Positions positions;
  std::iota(positions.begin(), positions.end(), position);
  philox_lanes(key, index, positions, words);
}

/// Calls `write(first element, elements, words)` for runs of kLanes blocks; a block makes
/// `per_block` elements of a row.
template <class Write>
void for_each_run(at::Tensor const& out,
                  RandomKey const& key,
                  std::vector<int64_t> const& indices,
                  int64_t per_block,
                  Write write) {
  EDDYLINE_ENSURE(out.is_contiguous() && out.size(0) == static_cast<int64_t>(indices.size()),
                  "rows ",
                  out.size(0));
  auto const row = out.size(0) == 0 ? 0 : out.numel() / out.size(0);
  auto const run = per_block * kLanes;
  auto const k = key_words(key);
  std::array<uint32_t, 4 * kLanes> words;
  for (int64_t n = 0; n < out.size(0); ++n) {
    auto const index = static_cast<uint64_t>(indices[static_cast<size_t>(n)]);
    for (int64_t first = 0; first < row; first += run) {
      philox_lanes(k, index, static_cast<uint64_t>(first / per_block), words.data());
      write(n * row + first, std::min(run, row - first), words.data());
    }
  }
}

float to_float(uint32_t word) {
  return static_cast<float>(static_cast<int32_t>(word >> 8)) * 0x1.0p-24f;
}

void uniform_floats(at::Tensor const& out,
                    RandomKey const& key,
                    std::vector<int64_t> const& indices) {
  auto* data = out.data_ptr<float>();
  for_each_run(out, key, indices, 4, [&](int64_t at, int64_t count, uint32_t const* words) {
    for (int64_t i = 0; i < count; ++i) {
      data[at + i] = to_float(words[i]);
    }
  });
}

void uniform_doubles(at::Tensor const& out,
                     RandomKey const& key,
                     std::vector<int64_t> const& indices) {
  auto* data = out.data_ptr<double>();
  for_each_run(out, key, indices, 2, [&](int64_t at, int64_t count, uint32_t const* words) {
    for (int64_t i = 0; i < count; ++i) {
      data[at + i] = to_unit(words[2 * i], words[2 * i + 1]);
    }
  });
}

/// Two standard normals of a block's words (Box-Muller).
std::array<double, 2> normals_of(uint32_t const* words) {
  auto const radius = std::sqrt(-2 * std::log(1 - to_unit(words[0], words[1])));
  auto const angle = 2 * std::numbers::pi * to_unit(words[2], words[3]);
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

template <class Scalar>
void normal_on_host(at::Tensor const& out,
                    RandomKey const& key,
                    std::vector<int64_t> const& indices) {
  auto* data = out.data_ptr<Scalar>();
  for_each_run(out, key, indices, 2, [&](int64_t at, int64_t count, uint32_t const* words) {
    for (int64_t i = 0; i < count; i += 2, words += 4) {
      auto const normals = normals_of(words);
      data[at + i] = static_cast<Scalar>(normals[0]);
      if (i + 1 < count) {
        data[at + i + 1] = static_cast<Scalar>(normals[1]);
      }
    }
  });
}

void check_type(at::Tensor const& out) {
  EDDYLINE_ENSURE(out.scalar_type() == at::kFloat || out.scalar_type() == at::kDouble,
                  "type ",
                  c10::toString(out.scalar_type()));
}

/// Fills on the host and copies: a GPU gets the same numbers.
template <class Fill>
void fill_through_host(at::Tensor const& out, Fill on_host) {
  if (out.is_cpu()) {
    on_host(out);
    return;
  }
  auto host = at::empty(out.sizes(), out.options().device(at::kCPU).pinned_memory(true));
  on_host(host);
  out.copy_(host, /*non_blocking=*/true);
}

/// A product of two 32-bit words held in int64 wraps modulo 2^64, so its halves are right.
struct Halves {
  at::Tensor high;
  at::Tensor low;
};

Halves multiply(at::Tensor const& words, uint32_t multiplier) {
  auto const product = words * static_cast<int64_t>(multiplier);
  return {product.bitwise_right_shift(32).bitwise_and_(kWordMask), product.bitwise_and(kWordMask)};
}

}  // namespace

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < kRounds; ++round) {
    auto const a = uint64_t{kMultiplier0} * counter[0];
    auto const b = uint64_t{kMultiplier1} * counter[2];
    counter = {static_cast<uint32_t>(b >> 32) ^ counter[1] ^ key[0],
               static_cast<uint32_t>(b),
               static_cast<uint32_t>(a >> 32) ^ counter[3] ^ key[1],
               static_cast<uint32_t>(a)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

std::array<uint32_t, 4> philox(RandomKey const& key, uint64_t index, uint64_t position) {
  return philox4x32({static_cast<uint32_t>(position),
                     static_cast<uint32_t>(position >> 32),
                     static_cast<uint32_t>(index),
                     static_cast<uint32_t>(index >> 32)},
                    key_words(key));
}

void fill_uniform_at(at::Tensor const& out,
                     RandomKey const& key,
                     std::vector<int64_t> const& indices,
                     std::vector<int64_t> const& places) {
  auto const rows = static_cast<int64_t>(places.size());
  EDDYLINE_ENSURE(out.is_cpu() && out.is_contiguous() && out.scalar_type() == at::kFloat &&
                      out.size(0) == rows && indices.size() == places.size(),
                  rows,
                  " rows");
  constexpr int64_t kRun = 4 * kLanes;
  auto const length = rows == 0 ? 0 : out.numel() / rows;
  auto const k = key_words(key);
  std::array<uint32_t, kRun> words;
  auto* data = out.data_ptr<float>();
  for (size_t row = 0; row < places.size(); ++row) {
    auto const start = places[row] * length;
    auto const first = start / 4 * 4;  // blocks hold four numbers
    for (auto run = first; run < start + length; run += kRun) {
      philox_lanes(
          k, static_cast<uint64_t>(indices[row]), static_cast<uint64_t>(run / 4), words.data());
      for (auto at = std::max(run, start); at < std::min(run + kRun, start + length); ++at) {
        data[static_cast<int64_t>(row) * length + at - start] =
            to_float(words[static_cast<size_t>(at - run)]);
      }
    }
  }
}

void fill_uniform_in(at::Tensor const& out,
                     RandomKey const& key,
                     std::vector<int64_t> const& indices,
                     std::vector<int64_t> const& firsts,
                     std::vector<int64_t> const& columns) {
  EDDYLINE_ENSURE(out.is_cpu() && out.is_contiguous() && out.scalar_type() == at::kFloat &&
                      out.size(0) == static_cast<int64_t>(firsts.size()) &&
                      indices.size() == firsts.size() &&
                      out.numel() == static_cast<int64_t>(firsts.size() * columns.size()) &&
                      std::ranges::adjacent_find(columns, std::greater_equal()) == columns.end(),
                  firsts.size(),
                  " rows of ",
                  columns.size(),
                  " ascending columns");
  auto const k = key_words(key);
  Positions blocks{};
  std::array<uint32_t, 4 * kLanes> words;
  std::array<size_t, 4 * kLanes> word_of;  // number, among them
  auto* data = out.data_ptr<float>();
  for (size_t row = 0; row < firsts.size(); ++row, data += columns.size()) {
    for (size_t begin = 0, end = 0; begin < columns.size(); begin = end) {
      size_t made = 0;
      for (; end < columns.size(); ++end) {
        auto const number = static_cast<uint64_t>(firsts[row] + columns[end]);
        if (made == 0 || blocks[made - 1] != number / 4) {
          if (made == kLanes) {
            break;
          }
          blocks[made++] = number / 4;
        }
        word_of[end - begin] = 4 * (made - 1) + number % 4;
      }
      philox_lanes(k, static_cast<uint64_t>(indices[row]), blocks, words.data());
      for (auto i = begin; i < end; ++i) {
        data[i] = to_float(words[word_of[i - begin]]);
      }
    }
  }
}

void fill_uniform(at::Tensor const& out,
                  RandomKey const& key,
                  std::vector<int64_t> const& indices) {
  check_type(out);
  if (!out.is_cpu() && out.scalar_type() == at::kFloat) {
    auto const rows = static_cast<int64_t>(indices.size());
    auto const length = rows == 0 ? 0 : out.numel() / rows;
    auto const numbers = uniform_by_kernel(key_words(key), indices, length, out.device());
    out.copy_(numbers ? numbers->view(out.sizes())
                      : uniform_by_tensors(out.sizes().vec(), key, indices, out.device()));
    return;
  }
  fill_through_host(out, [&](at::Tensor const& host) {
    host.scalar_type() == at::kDouble ? uniform_doubles(host, key, indices)
                                      : uniform_floats(host, key, indices);
  });
}

at::Tensor uniform_by_tensors(std::vector<int64_t> const& shape,
                              RandomKey const& key,
                              std::vector<int64_t> const& indices,
                              at::Device device) {
  auto const rows = static_cast<int64_t>(indices.size());
  auto const row = std::accumulate(shape.begin() + 1, shape.end(), int64_t{1}, std::multiplies<>());
  auto const options = at::TensorOptions().dtype(at::kLong);
  auto const index = sent(at::tensor(indices, options), device).view({rows, 1});
  auto const position = at::arange((row + 3) / 4, options.device(device)).view({1, -1});
  auto c0 = position.bitwise_and(kWordMask).expand({rows, -1});
  auto c1 = position.bitwise_right_shift(32).expand({rows, -1});
  auto c2 = index.bitwise_and(kWordMask).expand({-1, position.size(1)});
  auto c3 = index.bitwise_right_shift(32).bitwise_and(kWordMask).expand({-1, position.size(1)});
  auto k = key_words(key);
  for (int round = 0; round < kRounds; ++round) {
    auto const a = multiply(c0, kMultiplier0);
    auto const b = multiply(c2, kMultiplier1);
    c0 = b.high.bitwise_xor(c1).bitwise_xor_(static_cast<int64_t>(k[0]));
    c1 = b.low;
    c2 = a.high.bitwise_xor(c3).bitwise_xor_(static_cast<int64_t>(k[1]));
    c3 = a.low;
    k[0] += kWeyl0;
    k[1] += kWeyl1;
  }
  auto const words = at::stack({c0, c1, c2, c3}, 2).view({rows, -1}).narrow(1, 0, row);
  return words.bitwise_right_shift(8).to(at::kFloat).mul_(0x1.0p-24).view(shape);
}

void fill_normal(at::Tensor const& out, RandomKey const& key, std::vector<int64_t> const& indices) {
  check_type(out);
  fill_through_host(out, [&](at::Tensor const& host) {
    host.scalar_type() == at::kDouble ? normal_on_host<double>(host, key, indices)
                                      : normal_on_host<float>(host, key, indices);
  });
}

void fill_normal_from(at::Tensor const& out,
                      RandomKey const& key,
                      std::vector<int64_t> const& indices,
                      std::vector<int64_t> const& firsts) {
  EDDYLINE_ENSURE(out.is_contiguous() && out.scalar_type() == at::kFloat &&
                      out.size(0) == static_cast<int64_t>(firsts.size()) &&
                      indices.size() == firsts.size(),
                  firsts.size(),
                  " rows");
  constexpr int64_t kRun = 2 * kLanes;
  fill_through_host(out, [&](at::Tensor const& host) {
    auto const length = host.size(1);
    auto const k = key_words(key);
    std::array<uint32_t, 4 * kLanes> words;
    auto* data = host.data_ptr<float>();
    for (size_t row = 0; row < firsts.size(); ++row) {
      auto const start = firsts[row], end = start + length;
      for (auto run = start / 2 * 2; run < end; run += kRun) {  // blocks make two numbers
        philox_lanes(
            k, static_cast<uint64_t>(indices[row]), static_cast<uint64_t>(run / 2), words.data());
        auto const* block = words.data();
        for (auto pair = run; pair < std::min(run + kRun, end); pair += 2, block += 4) {
          auto const normals = normals_of(block);
          for (auto at = std::max(pair, start); at < std::min(pair + 2, end); ++at) {
            data[static_cast<int64_t>(row) * length + at - start] =
                static_cast<float>(normals[static_cast<size_t>(at - pair)]);
          }
        }
      }
    }
  });
}

std::vector<int64_t> permutation(int64_t n, RandomKey const& key) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (int64_t i = n - 1; i > 0; --i) {
    auto const words = philox(key, static_cast<uint64_t>(i), 0);
    // 64 bits modulo i+1: the bias is below 2^-32 for any data set that fits a disk.
    auto const j = static_cast<int64_t>(((uint64_t{words[0]} << 32) | words[1]) %
                                        static_cast<uint64_t>(i + 1));
    std::swap(order[static_cast<size_t>(i)], order[static_cast<size_t>(j)]);
  }
  return order;
}

}  // namespace eddyline
