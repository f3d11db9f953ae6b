// What LibTorch allocates on the host, counted.
#pragma once

#include <functional>

namespace eddyline::bench {

/// Counts from here on; the first act of main, since tensors are freed where they were allocated.
void count_allocations();

/// Most bytes of tensors that the action held at a time beyond those that were there before it.
double peak_bytes(std::function<void()> const& action);

}  // namespace eddyline::bench
