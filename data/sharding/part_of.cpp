#include "data/sharding/part_of.hpp"

#include <ATen/ATen.h>

namespace eddyline {

at::Tensor part_of(at::Tensor const& values, Box const& box) {
  auto part = values;
  for (size_t a = 0; a < 3; ++a) {
    auto const axis = static_cast<int64_t>(a) - 3;
    if (part.size(axis) > 1) {
      part = part.narrow(axis, box.first[a], box.size[a]);
    }
  }
  return part;
}

}  // namespace eddyline
