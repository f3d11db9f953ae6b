#include "data/pipeline/window.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "tests/data/pipeline/memory_reader.hpp"

namespace eddyline {
namespace {

TEST(Window, ZeroesMeanTheStride) {
  auto const shape = WindowShape{.history = 2, .horizon = 3, .stride = 4}.resolved();
  EXPECT_EQ(shape.input_stride, 4);
  EXPECT_EQ(shape.lead, 4);
}

TEST(Window, PlacesInputsAndTargetsAsDocumented) {
  WindowShape const shape{.history = 4, .horizon = 2, .stride = 6, .input_stride = 3, .lead = 5};
  WindowAddress const address{.trajectory = 2, .first = 10};
  auto const inputs = input_frames(shape, address);
  auto const targets = target_frames(shape, address);
  EXPECT_EQ(inputs.first, 10);
  EXPECT_EQ(inputs.count, 4);
  EXPECT_EQ(inputs.stride, 3);
  EXPECT_EQ(targets.trajectory, 2);
  EXPECT_EQ(targets.first, 10 + 3 * 3 + 5);
  EXPECT_EQ(targets.stride, 6);
  EXPECT_EQ(shape.span(), 3 * 3 + 5 + 6 + 1);
}

TEST(Window, IsEvenWhenOneReadGetsAllFrames) {
  EXPECT_TRUE((WindowShape{.history = 3, .horizon = 2, .stride = 4}.is_even()));
  EXPECT_TRUE((WindowShape{.history = 1, .horizon = 1, .stride = 2, .lead = 6}.is_even()));
  EXPECT_FALSE((WindowShape{.history = 2, .horizon = 1, .stride = 2, .lead = 6}.is_even()));
  EXPECT_FALSE((WindowShape{.history = 2, .horizon = 2, .stride = 2, .input_stride = 1}.is_even()));
}

TEST(Strides, GiveAWindowEachWhoseLeadFollows) {
  DataConfig config;
  config.strides = {1, 3};
  auto const shapes = strided({.history = 2, .horizon = 4}, config);
  ASSERT_EQ(shapes.size(), 2U);
  EXPECT_EQ(shapes[0].span(), 6);
  EXPECT_EQ(shapes[1],
            (WindowShape{.history = 2, .horizon = 4, .stride = 3, .input_stride = 3, .lead = 3}));
  config.lead = 2;
  EXPECT_EQ(strided({}, config)[1].lead, 2) << "a lead that is named stays";
}

TEST(Strides, RefusesThoseThatAreNoneOrThereTwice) {
  DataConfig config;
  for (auto const& strides : {std::vector<int64_t>{1, 0}, std::vector<int64_t>{2, 2}}) {
    config.strides = strides;
    EXPECT_THAT(message_of([&] { strided({}, config); }),
                testing::HasSubstr("; give numbers of frames >= 1, each once"));
  }
}

TEST(FrameInterval, RefusesTimesThatDoNotIncrease) {
  DatasetSpec const data{
      .trajectories = {{.times = {4}, .source = "a"}, {.times = {3, 2, 1}, .source = "b"}}};
  EXPECT_THAT(message_of([&] { frame_interval(data); }),
              testing::HasSubstr("the times of b do not increase (3 … 1)"));
}

TEST(Window, NamesTheKeyThatIsNotPositive) {
  EXPECT_THAT(message_of([] { WindowShape{.history = 0}.resolved(); }),
              testing::HasSubstr("data.history is 0"));
  EXPECT_THAT(message_of([] { WindowShape{.horizon = -1}.resolved(); }),
              testing::HasSubstr("data.horizon is -1"));
  EXPECT_THAT(message_of([] { WindowShape{.stride = 0}.resolved(); }),
              testing::HasSubstr("data.stride is 0"));
  EXPECT_THAT(message_of([] { WindowShape{.lead = -3}.resolved(); }),
              testing::HasSubstr("data.lead is -3"));
}

TEST(Window, OfTheSameTimeEndsWithItsNewestInput) {
  DataConfig config;
  config.history = 3;
  config.target_time = TargetTime::same;
  auto const shape = window_shape(config);
  EXPECT_EQ(shape.lead, 0);
  EXPECT_EQ(shape.resolved(), shape);
  EXPECT_EQ(shape.span(), 3);
  EXPECT_FALSE(shape.is_even()) << "one read cannot give a frame twice";
  EXPECT_EQ(target_frames(shape, {0, 4}).first, 6);
}

TEST(Window, OfTheSameTimeHasNoLead) {
  WindowShape const shape{.lead = 2, .target_time = TargetTime::same};
  EXPECT_THAT(message_of([&] { shape.resolved(); }),
              testing::HasSubstr("there is one target and no lead, but data.lead is 2"));
  DataConfig config;
  config.strides = {1, 2};
  config.target_time = TargetTime::same;
  EXPECT_THAT(message_of([&] { strided({}, config); }),
              testing::HasSubstr("which data.target_time=same has none of"));
}

}  // namespace
}  // namespace eddyline
