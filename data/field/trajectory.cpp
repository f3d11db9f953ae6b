#include "data/field/trajectory.hpp"

#include <ATen/ATen.h>

#include "core/error.hpp"

namespace eddyline {

at::Tensor Trajectory::window(int64_t first, int64_t count, int64_t stride) const {
  auto const last = first + (count - 1) * stride;
  require(first >= 0 && count >= 1 && stride >= 1 && last < frames(),
          "a window of ",
          count,
          " frames from ",
          first,
          ", ",
          stride,
          " apart, leaves a trajectory of ",
          frames(),
          " frames");
  return values.slice(0, first, last + 1, stride);
}

}  // namespace eddyline
