#include "core/fitting_allocator.hpp"

#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <future>
#include <latch>
#include <thread>
#include <vector>

#include <ATen/ATen.h>
#include <c10/core/CPUAllocator.h>
#include <gtest/gtest.h>

#include "core/device.hpp"
#include "core/memory_count.hpp"

namespace eddyline {
namespace {

enum class Places { fitting, of_pytorch };

/// What `body` returns, at most 254, in a process of its own; 255 if that failed.
int in_a_process(std::function<int()> const& body) {
  auto const child = fork();
  if (child == 0) {
    _exit(std::min(254, body()));
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

/// Times 4 MiB by which the heap of a process of its own grows while tensors come and go.
int growth_of_heap(Places places) {
  return in_a_process([&] {
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
    return static_cast<int>((mallinfo2().arena - before) >> 22);
  });
}

/// MiB by which a process of its own grows while eight threads, all there at once, take and free
/// 16 MB one after the other.
int growth_by_threads() {
  return in_a_process([] {
    keep_freed_memory();
    mallopt(M_TOP_PAD, 1 << 20);
    auto const before = mallinfo2().arena;
    std::latch end(1);
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
      std::promise<void> freed;
      auto is_freed = freed.get_future();
      threads.emplace_back([&end, freed = std::move(freed)]() mutable {
        at::empty({4000000}).reset();
        freed.set_value();
        end.wait();
      });
      is_freed.wait();
    }
    auto const growth = (mallinfo2().arena - before) >> 20;
    end.count_down();
    for (auto& thread : threads) {
      thread.join();
    }
    return static_cast<int>(growth);
  });
}

TEST(FittingAllocator, KeepsAProcessFromGrowingWhileTensorsComeAndGo) {
  // Tensors of 4 MB, of which fifty are freed and made again.
  EXPECT_LT(2 * growth_of_heap(Places::fitting), growth_of_heap(Places::of_pytorch));
}

TEST(FittingAllocator, LetsThreadsTakeWhatOthersFreed) {
  // 16 MB in one heap, 128 MB in eight; a heap or two may have been there before.
  EXPECT_LT(growth_by_threads(), 4 * 16);
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
