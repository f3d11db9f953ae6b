#include "data/sharding/axis_parts.hpp"

#include <numeric>

namespace eddyline {

int64_t AxisParts::first(int of) const {
  return std::accumulate(sizes.begin(), sizes.begin() + of, int64_t{0});
}

std::vector<int64_t> even_sizes(int64_t length, int ranks) {
  std::vector<int64_t> sizes(static_cast<size_t>(ranks), length / ranks);
  for (int64_t i = 0; i < length % ranks; ++i) {
    ++sizes[static_cast<size_t>(i)];
  }
  return sizes;
}

}  // namespace eddyline
