// Made-up values for tests.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/ATen.h>

#include "core/random.hpp"

namespace eddyline {

/// Normal deviates that depend on the seed alone.
inline at::Tensor numbers(std::vector<int64_t> const& shape,
                          uint64_t seed,
                          at::ScalarType type = at::kFloat) {
  auto flat = at::empty({1, c10::multiply_integers(shape)}, type);
  fill_normal(flat, {.seed = seed}, {0});
  return flat.view(shape);
}

/// The same in float64.
inline at::Tensor doubles(std::vector<int64_t> const& shape, uint64_t seed) {
  return numbers(shape, seed, at::kDouble);
}

}  // namespace eddyline
