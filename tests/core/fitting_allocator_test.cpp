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
#include "core/memory_room.hpp"

namespace eddyline {
namespace {

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
        void* volatile place = std::malloc(16000000);
        std::free(place);
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

TEST(KeepFreedMemory, LetsThreadsTakeWhatOthersFreed) {
  // 16 MB in one heap, 128 MB in eight; a heap or two may have been there before.
  EXPECT_LT(growth_by_threads(), 4 * 16);
}

TEST(KeepFreedMemory, PutsATensorWhereOneOfItsSizeWasFreed) {
  EXPECT_EQ(in_a_process([] {
              keep_freed_memory();
              std::vector<at::Tensor> tensors;
              for (int i = 0; i < 20; ++i) {
                tensors.push_back(at::empty({250001}));
              }
              auto const* const place = tensors[7].data_ptr();
              tensors[7].reset();
              auto const other = at::empty({100});
              return at::empty({250001}).data_ptr() == place ? 0 : 1;
            }),
            0);
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
