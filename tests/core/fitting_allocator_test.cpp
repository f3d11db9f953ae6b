#include "core/fitting_allocator.hpp"

#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/device.hpp"
#include "core/memory_count.hpp"

namespace eddyline {
namespace {

/// Every second tensor of a row is freed and made again, and small things are made between.
void replace_half(std::vector<at::Tensor>& tensors, size_t first, std::vector<void*>& stay) {
  for (size_t i = first; i < tensors.size(); i += 2) {
    tensors[i].reset();
  }
  for (int k = 0; k < 400; ++k) {
    stay.push_back(std::malloc(40));
  }
  for (size_t i = first; i < tensors.size(); i += 2) {
    tensors[i] = at::empty({250000});
  }
}

/// MiB by which the heap of a process of its own grows while tensors come and go.
int growth_of_heap() {
  auto const child = fork();
  if (child == 0) {
    keep_freed_memory();
    std::vector<at::Tensor> tensors;
    std::vector<void*> stay;
    for (int i = 0; i < 100; ++i) {
      tensors.push_back(at::empty({250000}));
    }
    replace_half(tensors, 0, stay);
    auto const before = mallinfo2().arena;
    for (size_t round = 1; round < 10; ++round) {
      replace_half(tensors, round % 2, stay);
    }
    _exit(static_cast<int>(std::min<size_t>(255, (mallinfo2().arena - before) >> 20)));
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

TEST(FittingAllocator, KeepsAProcessFromGrowingWhileTensorsComeAndGo) {
  EXPECT_EQ(growth_of_heap(), 0);
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
