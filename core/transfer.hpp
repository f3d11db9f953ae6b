#pragma once

#include <ATen/core/Tensor.h>

namespace eddyline {

/// A tensor of the host on a device, for work that is queued there after it: the host does not wait
/// until the device has done what it was given before.
at::Tensor sent(at::Tensor const& host, at::Device device);

}  // namespace eddyline
