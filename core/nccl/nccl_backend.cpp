#include <ATen/cuda/CUDAContext.h>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include "core/nccl/nccl_interface.hpp"

extern "C" void eddyline_nccl_gpu(int index, std::string& uuid) {
  constexpr char const* kDigits = "0123456789abcdef";
  auto const* properties = at::cuda::getDeviceProperties(static_cast<c10::DeviceIndex>(index));
  uuid.clear();
  for (auto const byte : properties->uuid.bytes) {
    auto const value = static_cast<unsigned char>(byte);
    uuid += kDigits[value / 16];
    uuid += kDigits[value % 16];
  }
}

extern "C" void eddyline_nccl_backend(c10::intrusive_ptr<c10d::Store> const& store,
                                      int rank,
                                      int size,
                                      c10::intrusive_ptr<c10d::Backend>& backend) {
  backend = c10::make_intrusive<c10d::ProcessGroupNCCL>(store, rank, size);
}
