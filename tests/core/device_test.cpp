#include "core/device.hpp"

#include <gmock/gmock.h>

#include <cstdlib>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

TEST(Device, CpuIsAlwaysThere) {
  EXPECT_EQ(choose_device(DeviceKind::cpu, Communicator::world()), at::Device(at::kCPU));
}

TEST(Device, CudaThatIsAbsentIsRefusedWithTheReason) {
  if (gpu_count() > 0) {
    GTEST_SKIP() << "this machine has a GPU";
  }
  try {
    choose_device(DeviceKind::cuda, Communicator::world());
    FAIL() << "nothing was thrown";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("device is cuda, but " + cuda_state()));
    EXPECT_THAT(error.what(), testing::HasSubstr("set device=cpu or device=auto"));
  }
  EXPECT_EQ(choose_device(DeviceKind::automatic, Communicator::world()), at::Device(at::kCPU));
}

TEST(Device, OpeningTheCudaLibraryWithoutADriverSaysWhy) {
  open_cuda_library();
  if (gpu_count() > 0) {
    EXPECT_EQ(cuda_state(), "ready");
  } else {
    EXPECT_THAT(
        cuda_state(),
        testing::AnyOf(testing::HasSubstr("libtorch_cuda.so"), testing::HasSubstr("driver")));
  }
}

TEST(Device, RanksOfANodeShareItsCores) {
  auto const world = Communicator::world();
  auto const threads = at::get_num_threads();
  auto const* asked = std::getenv("OMP_NUM_THREADS");
  std::string const before = asked != nullptr ? asked : "";
  ::unsetenv("OMP_NUM_THREADS");
  EXPECT_EQ(share_cores(world), std::max(1, usable_cores() / world.size()));
  ::setenv("OMP_NUM_THREADS", "3", 1);
  EXPECT_EQ(share_cores(world), 3);
  EXPECT_EQ(at::get_num_threads(), 3);
  at::set_num_threads(threads);
  asked != nullptr ? ::setenv("OMP_NUM_THREADS", before.c_str(), 1) : ::unsetenv("OMP_NUM_THREADS");
}

TEST(Device, RanksOnThisMachineAreOnOneNode) {
  auto const world = Communicator::world();
  EXPECT_EQ(ranks_on_node(world).size(), world.size());
  EXPECT_EQ(ranks_on_node(world).rank(), world.rank());
}

}  // namespace
}  // namespace eddyline
