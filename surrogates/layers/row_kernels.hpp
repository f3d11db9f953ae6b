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

}  // namespace eddyline::rows
