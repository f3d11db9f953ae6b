#include "core/transfer.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/gpu.hpp"

namespace eddyline {
namespace {

TEST(Sent, StaysWhereItIsOnTheProcessor) {
  auto const host = at::arange(5, at::kLong);
  EXPECT_TRUE(sent(host, at::kCPU).is_same(host));
}

TEST(Sent, ReachesAGpuBeforeTheWorkThatIsQueuedAfterIt) {
  auto const gpu = test_gpu();
  if (!gpu) {
    GTEST_SKIP() << needs_gpu();
  }
  auto sum = at::zeros({1000}, at::TensorOptions().dtype(at::kLong).device(*gpu));
  for (int64_t i = 0; i < 100; ++i) {  // each time other numbers, in memory that is used again
    sum += sent(at::arange(i, i + 1000, at::kLong), *gpu);
  }
  EXPECT_TRUE(at::equal(sum.cpu(), 100 * at::arange(1000) + 4950));
  EXPECT_TRUE(sent(sum, *gpu).is_same(sum));
}

}  // namespace
}  // namespace eddyline
