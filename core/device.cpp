#include "core/device.hpp"

#include <dlfcn.h>
#include <malloc.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "core/error.hpp"
#include "core/fitting_allocator.hpp"
#include "core/log.hpp"

namespace eddyline {
namespace {

std::string cuda_problem = "the CUDA library was not opened";

/// libtorch_cuda.so lies beside the libtorch_cpu.so that is loaded.
std::filesystem::path torch_folder() {
  Dl_info info;
  auto const found = dladdr(reinterpret_cast<void const*>(&at::globalContext), &info);
  return found != 0 ? std::filesystem::path(info.dli_fname).parent_path() : std::filesystem::path();
}

/// First hardware thread of the core of `cpu`, so that a core counts once.
int core_of(int cpu) {
  std::ifstream in("/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                   "/topology/thread_siblings_list");
  int first = cpu;
  return in >> first ? first : cpu;
}

std::set<int> usable_core_ids() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::set<int> cores;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) {
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &set)) {
        cores.insert(core_of(cpu));
      }
    }
  }
  if (cores.empty()) {
    cores.insert(0);
  }
  return cores;
}

}  // namespace

void open_cuda_library() {
  auto const library = torch_folder() / "libtorch_cuda.so";
  if (!std::filesystem::exists(library)) {
    cuda_problem = "LibTorch has no CUDA part here (no libtorch_cuda.so)";
  } else if (dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    cuda_problem = "there is no NVIDIA driver (libcuda.so.1)";
  } else if (dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    auto const* reason = dlerror();
    cuda_problem =
        concat("libtorch_cuda.so does not load: ", reason != nullptr ? reason : "unknown reason");
  } else {
    cuda_problem = "";
  }
}

std::string cuda_state() {
  if (!cuda_problem.empty()) {
    return cuda_problem;
  }
  return gpu_count() > 0 ? "ready" : "the driver shows no GPU";
}

int gpu_count() {
  return cuda_problem.empty() && at::hasCUDA()
             ? static_cast<int>(at::detail::getCUDAHooks().deviceCount())
             : 0;
}

at::Device choose_device(DeviceKind kind, Communicator const& ranks) {
  auto const node = ranks_on_node(ranks);
  auto const gpus = kind == DeviceKind::cpu ? 0 : gpu_count();
  ranks.together([&] {
    require(kind != DeviceKind::cuda || gpus > 0,
            "device is cuda, but ",
            cuda_state(),
            "; set device=cpu or device=auto");
  });
  if (ranks.all_reduce(static_cast<int64_t>(gpus), Reduction::min) == 0) {
    return at::Device(at::kCPU);
  }
  if (node.size() > gpus) {
    log_once("gpus shared",
             concat("warning: ",
                    node.size(),
                    " ranks share ",
                    gpus,
                    " GPUs of a node; start as many ranks as GPUs"));
  }
  at::Device const device(at::kCUDA, static_cast<c10::DeviceIndex>(node.rank() % gpus));
  c10::impl::VirtualGuardImpl(at::kCUDA).setDevice(device);
  log_once("gpu", concat("computing on GPUs: rank 0 on ", device.str(), " of ", gpus));
  // A product that is asked for in float32 keeps its 23 bits: convolutions would drop 13 of them.
  at::globalContext().setAllowTF32CuDNN(false);
  at::globalContext().setAllowTF32CuBLAS(false);
  return device;
}

void keep_freed_memory() {
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);  // never
  mallopt(M_TOP_PAD, 64 << 20);
  mallopt(M_ARENA_MAX, 1);  // others reserve 64 MiB a thread, which ulimit -v counts
  static FittingAllocator allocator;
  c10::SetCPUAllocator(&allocator, /*priority=*/1);
}

int share_cores(Communicator const& ranks) {
  auto const node = ranks_on_node(ranks);
  std::string mask;
  auto const cores = usable_core_ids();
  for (auto const core : cores) {
    mask += std::to_string(core) + ",";
  }
  // A launcher that binds gives each rank its own mask; ranks with the same mask share its cores.
  auto const masks = node.all_gather(mask);
  auto const sharing = static_cast<int>(std::count(masks.begin(), masks.end(), mask));
  auto threads = std::max(1, static_cast<int>(cores.size()) / sharing);
  if (auto const* asked = std::getenv("OMP_NUM_THREADS");
      asked != nullptr && std::atoi(asked) > 0) {
    threads = std::atoi(asked);
  }
  at::set_num_threads(threads);
  return threads;
}

int usable_cores() {
  return static_cast<int>(usable_core_ids().size());
}

Communicator ranks_on_node(Communicator const& ranks) {
  MPI_Comm shared = MPI_COMM_NULL;
  MPI_Comm_split_type(ranks.handle(), MPI_COMM_TYPE_SHARED, ranks.rank(), MPI_INFO_NULL, &shared);
  // The lowest rank of a node names its group.
  int color = ranks.rank();
  MPI_Bcast(&color, 1, MPI_INT, 0, shared);
  MPI_Comm_free(&shared);
  return ranks.split(color);
}

}  // namespace eddyline
