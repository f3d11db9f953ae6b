#include "data/sharding/coarse_parts.hpp"

namespace eddyline {

AxisParts coarse_parts(Sharding const* cells, size_t axis, int64_t own) {
  if (!cells) {
    return {.group = {}, .sizes = {own}};
  }
  auto parts = cells->axis(axis);
  auto const finest = parts.own() / own;  // cells of the finest level in one of this
  for (auto& size : parts.sizes) {
    size /= finest;
  }
  return parts;
}

}  // namespace eddyline
