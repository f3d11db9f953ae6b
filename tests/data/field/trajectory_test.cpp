#include "data/field/trajectory.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

Trajectory ten_frames() {
  return {.values = at::arange(20, at::kFloat).view({10, 1, 1, 1, 2}),
          .times = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}};
}

TEST(Trajectory, AWindowIsAView) {
  auto const trajectory = ten_frames();
  auto const window = trajectory.window(2, 3, 3);
  ASSERT_EQ(window.size(0), 3);
  EXPECT_EQ(window[1][0][0][0][0].item<float>(), 10) << "frame 5";
  EXPECT_TRUE(window.is_alias_of(trajectory.values));
  EXPECT_EQ(window.const_data_ptr<float>(), trajectory.values.const_data_ptr<float>() + 4);
}

TEST(Trajectory, RefusesAWindowThatLeavesIt) {
  auto const trajectory = ten_frames();
  EXPECT_EQ(trajectory.window(1, 3, 4).size(0), 3);
  try {
    trajectory.window(2, 3, 4);
    FAIL() << "frame 10 of 10 was given";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(),
                testing::HasSubstr(
                    "a window of 3 frames from 2, 4 apart, leaves a trajectory of 10 frames"));
  }
  EXPECT_THROW(trajectory.window(-1, 1), Error);
}

}  // namespace
}  // namespace eddyline
