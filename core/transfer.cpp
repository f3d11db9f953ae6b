#include "core/transfer.hpp"

#include <ATen/ATen.h>

namespace eddyline {

at::Tensor sent(at::Tensor const& host, at::Device device) {
  // Pageable memory would be copied while the host waits; what is pinned is kept until it is read.
  return device.is_cpu() || !host.is_cpu()
             ? host.to(device)
             : host.pin_memory().to(device, host.scalar_type(), /*non_blocking=*/true);
}

}  // namespace eddyline
