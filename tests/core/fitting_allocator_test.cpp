#include "core/fitting_allocator.hpp"

#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include <ATen/ATen.h>
#include <c10/core/CPUAllocator.h>
#include <gtest/gtest.h>

#include "core/device.hpp"
#include "core/memory_count.hpp"
#include "core/memory_room.hpp"

namespace eddyline {
namespace {

enum class Places { fitting, of_pytorch };

/// Times 4 MiB by which the heap of a process of its own grows while tensors come and go.
int growth_of_heap(Places places) {
  auto const child = fork();
  if (child == 0) {
    auto* const of_pytorch = c10::GetCPUAllocator();
    keep_freed_memory();
    if (places == Places::of_pytorch) {
      c10::SetCPUAllocator(of_pytorch, /*priority=*/2);
    }
    mallopt(M_TOP_PAD, 1 << 20);  // what it grows by shows
    std::vector<at::Tensor> tensors;
    std::vector<void*> between;  // so that freed places do not join
    for (int i = 0; i < 100; ++i) {
      tensors.push_back(at::empty({1000000}));
      between.push_back(std::malloc(100000));
    }
    auto const before = mallinfo2().arena;
    for (int round = 0; round < 4; ++round) {
      for (size_t i = 0; i < tensors.size(); i += 2) {
        tensors[i].reset();
      }
      for (size_t i = 0; i < tensors.size(); i += 2) {
        tensors[i] = at::empty({1000000});
      }
    }
    _exit(static_cast<int>(std::min<size_t>(255, (mallinfo2().arena - before) >> 22)));
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

TEST(FittingAllocator, KeepsAProcessFromGrowingWhileTensorsComeAndGo) {
  // Tensors of 4 MB, of which fifty are freed and made again.
  EXPECT_LT(2 * growth_of_heap(Places::fitting), growth_of_heap(Places::of_pytorch));
}

/// MiB of addresses by which a process of its own grows while a thread of it allocates.
int addresses_of_a_thread() {
  auto const child = fork();
  if (child == 0) {
    keep_freed_memory();
    auto const addresses = [] { return proc_bytes("/proc/self/status", "VmSize", 0); };
    auto const before = addresses();
    double after = 0;
    std::thread([&] {
      std::string const text(100000, 'a');
      after = addresses();
    }).join();
    _exit(static_cast<int>(std::min(255.0, (after - before) / 0x1p20)));
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

TEST(KeepFreedMemory, ReservesNoHeapForEachThread) {
  // A thread has a stack of 8 MiB; a heap of its own would reserve 64 MiB more.
  EXPECT_LT(addresses_of_a_thread(), 32);
}

TEST(FittingAllocator, AlignsAsPyTorchDoes) {
  FittingAllocator allocator;
  for (size_t bytes : {1, 1000, 40000, 1000000}) {
    auto const place = allocator.allocate(bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(place.get()) % 64, 0U) << bytes;
  }
}

TEST(FittingAllocator, TellsTheProfilerOfWhatItTakes) {
  FittingAllocator allocator;
  EXPECT_EQ(allocator_peak([&] { (void)allocator.allocate(123456); }), 123456);
}

TEST(FittingAllocator, ThrowsWhereThereIsNoMemory) {
  FittingAllocator allocator;
  EXPECT_THROW((void)allocator.allocate(size_t{1} << 60), c10::Error);
}

}  // namespace
}  // namespace eddyline
