#include "core/random.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include <ATen/ATen.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

/// One word for (step, layer): SplitMix64 finaliser, so that near keys give unlike streams.
uint64_t mix(uint64_t value) {
  value += 0x9e3779b97f4a7c15ULL;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

double to_unit(uint32_t high, uint32_t low) {
  return static_cast<double>((uint64_t{high} << 21) ^ (low >> 11)) * 0x1.0p-53;
}

/// Calls `write(row, first element, the block's words)`; a block makes `per_block` elements.
template <class Write>
void for_each_block(at::Tensor const& out,
                    RandomKey const& key,
                    std::vector<int64_t> const& indices,
                    int64_t per_block,
                    Write write) {
  EDDYLINE_ENSURE(out.is_contiguous() && out.size(0) == static_cast<int64_t>(indices.size()),
                  "rows ",
                  out.size(0));
  auto const row = out.size(0) == 0 ? 0 : out.numel() / out.size(0);
  auto const blocks = (row + per_block - 1) / per_block;
  for (int64_t n = 0; n < out.size(0); ++n) {
    for (int64_t block = 0; block < blocks; ++block) {
      auto const words = philox(key,
                                static_cast<uint64_t>(indices[static_cast<size_t>(n)]),
                                static_cast<uint64_t>(block));
      write(n * row + block * per_block, std::min(per_block, row - block * per_block), words);
    }
  }
}

template <class Scalar>
void uniform_on_host(at::Tensor const& out,
                     RandomKey const& key,
                     std::vector<int64_t> const& indices) {
  auto* data = out.data_ptr<Scalar>();
  if constexpr (std::is_same_v<Scalar, float>) {
    for_each_block(out, key, indices, 4, [&](int64_t at, int64_t count, auto const& words) {
      for (int64_t i = 0; i < count; ++i) {
        data[at + i] = static_cast<float>(words[static_cast<size_t>(i)] >> 8) * 0x1.0p-24f;
      }
    });
  } else {
    for_each_block(out, key, indices, 2, [&](int64_t at, int64_t count, auto const& words) {
      for (int64_t i = 0; i < count; ++i) {
        data[at + i] =
            to_unit(words[static_cast<size_t>(2 * i)], words[static_cast<size_t>(2 * i + 1)]);
      }
    });
  }
}

template <class Scalar>
void normal_on_host(at::Tensor const& out,
                    RandomKey const& key,
                    std::vector<int64_t> const& indices) {
  auto* data = out.data_ptr<Scalar>();
  for_each_block(out, key, indices, 2, [&](int64_t at, int64_t count, auto const& words) {
    auto const radius = std::sqrt(-2 * std::log(1 - to_unit(words[0], words[1])));
    auto const angle = 2 * std::numbers::pi * to_unit(words[2], words[3]);
    data[at] = static_cast<Scalar>(radius * std::cos(angle));
    if (count > 1) {
      data[at + 1] = static_cast<Scalar>(radius * std::sin(angle));
    }
  });
}

/// Fills on the host and copies: a GPU gets the same numbers.
template <class Fill>
void fill(at::Tensor const& out, Fill on_host) {
  if (out.is_cpu()) {
    on_host(out);
    return;
  }
  auto host = at::empty(out.sizes(), out.options().device(at::kCPU));
  on_host(host);
  out.copy_(host);
}

}  // namespace

std::array<uint32_t, 4> philox(RandomKey const& key, uint64_t index, uint64_t position) {
  auto const word = mix(key.seed ^ mix(key.step ^ mix(key.layer)));
  std::array<uint32_t, 2> k = {static_cast<uint32_t>(word), static_cast<uint32_t>(word >> 32)};
  std::array<uint32_t, 4> c = {static_cast<uint32_t>(position),
                               static_cast<uint32_t>(position >> 32),
                               static_cast<uint32_t>(index),
                               static_cast<uint32_t>(index >> 32)};
  for (int round = 0; round < 10; ++round) {
    auto const a = uint64_t{0xD2511F53U} * c[0];
    auto const b = uint64_t{0xCD9E8D57U} * c[2];
    c = {static_cast<uint32_t>(b >> 32) ^ c[1] ^ k[0],
         static_cast<uint32_t>(b),
         static_cast<uint32_t>(a >> 32) ^ c[3] ^ k[1],
         static_cast<uint32_t>(a)};
    k[0] += 0x9E3779B9U;
    k[1] += 0xBB67AE85U;
  }
  return c;
}

void fill_uniform(at::Tensor const& out,
                  RandomKey const& key,
                  std::vector<int64_t> const& indices) {
  fill(out, [&](at::Tensor const& host) {
    host.scalar_type() == at::kDouble ? uniform_on_host<double>(host, key, indices)
                                      : uniform_on_host<float>(host, key, indices);
  });
}

void fill_normal(at::Tensor const& out, RandomKey const& key, std::vector<int64_t> const& indices) {
  fill(out, [&](at::Tensor const& host) {
    host.scalar_type() == at::kDouble ? normal_on_host<double>(host, key, indices)
                                      : normal_on_host<float>(host, key, indices);
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
