// What happens to rows of numbers between products on tiles (tile_kernels.hpp); only where
// tiles::are_compiled().
#pragma once

#include <cstdint>

namespace eddyline::rows {

enum class End { linear, gelu };  ///< gelu: the exact one, x Φ(x), Φ to 1.5e-7

/// Replaces y by y + bias (null: none), or GELU of it.
void finish(float* y, float const* bias, int64_t columns, End end);

/// Replaces x by e^(scale·(x − max x)), scale > 0, to two units of the last place; returns the sum.
float exponentiate(float* row, int64_t count, float scale);

/// Sums over `count` contiguous rows of their distance from the first, and of its square: (width).
void sum_around_first(float const* data, int64_t count, int64_t width, float* sum, float* square);

}  // namespace eddyline::rows
