#pragma once

#include <string>

#include <c10/core/Device.h>

#include "core/communicator.hpp"
#include "core/config_type.hpp"

namespace eddyline {

/// Where tensors live: `device: auto | cpu | cuda`.
enum class DeviceKind { automatic, cpu, cuda };
template <>
struct EnumNames<DeviceKind> {
  static constexpr auto names = std::to_array<std::pair<DeviceKind, char const*>>(
      {{DeviceKind::automatic, "auto"}, {DeviceKind::cpu, "cpu"}, {DeviceKind::cuda, "cuda"}});
};

/// Opens LibTorch's CUDA part where it and a driver are there. The first act of main: any question
/// about CUDA before it is answered "none" for good.
void open_cuda_library();
/// "ready", or why there is no CUDA: no driver, no libtorch_cuda.so, …
std::string cuda_state();
/// GPUs that this process sees.
int gpu_count();

/// This rank's device; ranks of a node take its GPUs in turn. Collective.
/// \throw Error  if `kind` is cuda and there is no usable GPU, saying why
at::Device choose_device(DeviceKind kind, Communicator const& ranks);

/// Keeps freed memory in the process: glibc gives large tensors back to the system at every free,
/// and the page faults of their next use took up to 40 % of a forward pass. Tensors are then placed
/// by a FittingAllocator, and all threads share one heap. Before any thread is started.
void keep_freed_memory();

/// Sets the threads of LibTorch to this rank's share of the cores of its node, or to
/// OMP_NUM_THREADS where that is set; returns the number. Collective.
int share_cores(Communicator const& ranks);
/// Physical cores that this process may run on.
int usable_cores();

/// Ranks on the same node, ordered as in `ranks`. Collective.
Communicator ranks_on_node(Communicator const& ranks);

}  // namespace eddyline
