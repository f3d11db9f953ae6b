// Where the time of an action goes, by operation.
#pragma once

#include <functional>
#include <string>

namespace eddyline::bench {

/// A table of the operations of LibTorch and of our own kernels during the second of two runs of
/// `action`: the processor time [ms] of each without those it calls, its share, calls; of products
/// also their sizes (rows × summed × columns; ×n: so many at once), GFLOP/s and what at::mm reaches
/// alone at that size. What no operation does (views, our own loops) is in the last line.
/// One thread is seen; run with OMP_NUM_THREADS=1.
std::string profile_of(std::function<void()> const& action);

}  // namespace eddyline::bench
