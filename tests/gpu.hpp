// What the tests that need a GPU ask first.
#pragma once

#include <optional>
#include <string>

#include "core/communicator.hpp"
#include "core/device.hpp"

namespace eddyline {

/// This process's GPU, set up as the program does; none: the test is to be skipped.
inline std::optional<at::Device> test_gpu() {
  open_cuda_library();
  if (gpu_count() == 0) {
    return std::nullopt;
  }
  return choose_device(DeviceKind::cuda, Communicator::world());
}

/// Why a test is skipped.
inline std::string needs_gpu() {
  return "needs a GPU: " + cuda_state();
}

}  // namespace eddyline
