#include "core/gpu_random.hpp"

#include <array>
#include <thread>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/random.hpp"
#include "tests/gpu.hpp"

namespace eddyline {
namespace {

TEST(GpuRandom, DrawsTheProcessorsNumbersBitForBitByOneKernel) {
  auto const gpu = test_gpu();
  if (!gpu) {
    GTEST_SKIP() << needs_gpu();
  }
  ASSERT_TRUE(uniform_by_kernel({1, 2}, {3}, 4, *gpu)) << "see the log";
  std::vector<int64_t> const indices = {0, 5, (int64_t{1} << 40) + 3};
  for (int64_t const length : {1, 3, 4, 1001}) {
    RandomKey const key{.seed = 0xFEDCBA9876543210, .step = 77, .layer = 5};
    auto const host = at::empty({3, length});
    fill_uniform(host, key, indices);
    auto const on_gpu = at::empty({3, length}, at::TensorOptions().device(*gpu));
    fill_uniform(on_gpu, key, indices);
    EXPECT_TRUE(at::equal(on_gpu.cpu(), host)) << length;
  }
}

TEST(GpuRandom, MayBeAskedByTwoThreadsAtOnce) {
  auto const gpu = test_gpu();
  if (!gpu) {
    GTEST_SKIP() << needs_gpu();
  }
  auto const draw = [&](int64_t index) {
    return uniform_by_kernel({1, 2}, {index}, 100000, *gpu).value().cpu();
  };
  std::array<at::Tensor, 2> drawn;
  std::thread first([&] { drawn[0] = draw(0); }), second([&] { drawn[1] = draw(1); });
  first.join();
  second.join();
  for (size_t i = 0; i < drawn.size(); ++i) {
    EXPECT_TRUE(at::equal(drawn[i], draw(static_cast<int64_t>(i))));
  }
}

}  // namespace
}  // namespace eddyline
