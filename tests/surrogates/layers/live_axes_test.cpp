#include "surrogates/layers/live_axes.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/message_of.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

Grid grid(std::vector<int64_t> const& cells) {
  std::vector<Axis> axes;
  for (auto const size : cells) {
    axes.push_back({.name = std::string(1, static_cast<char>('x' + axes.size())),
                    .coordinates = std::vector<double>(static_cast<size_t>(size))});
  }
  return Grid(axes);
}

TEST(LiveAxes, AreThoseOfMoreThanOneCell) {
  EXPECT_EQ(LiveAxes(grid({8})).axes(), (std::vector<size_t>{2}));
  EXPECT_EQ(LiveAxes(grid({8, 4})).axes(), (std::vector<size_t>{1, 2}));
  EXPECT_EQ(LiveAxes(grid({8, 1, 4})).axes(), (std::vector<size_t>{0, 2}));
  EXPECT_EQ(LiveAxes(grid({8, 6, 4})).count(), 3);
}

TEST(LiveAxes, SqueezeAndRestoreAreViewsAndUndoEachOther) {
  LiveAxes const live(grid({8, 1, 4}));
  auto const x = at::rand({2, 3, 5, 1, 7});
  auto const y = live.squeeze(x);
  EXPECT_EQ(y.sizes().vec(), (std::vector<int64_t>{2, 3, 5, 7}));
  auto const back = live.restore(y);
  EXPECT_EQ(back.data_ptr(), x.data_ptr());
  EXPECT_TRUE(at::equal(back, x));
}

TEST(LiveAxes, RefuseDataOfOtherDimensions) {
  LiveAxes const live(grid({8, 4}));
  EXPECT_THAT(message_of([&] {
                live.squeeze(at::zeros({1, 1, 6, 8, 4}));
              }),
              HasSubstr("axis D has 6 points, the model was made for data with 1 there"));
  EXPECT_THAT(message_of([&] {
                live.squeeze(at::zeros({1, 1, 1, 1, 4}));
              }),
              HasSubstr("axis H has 1 point, the model was made for data with more there"));
  EXPECT_THAT(message_of([] { LiveAxes const none{Grid()}; }),
              HasSubstr("every axis of the data has one cell"));
}

}  // namespace
}  // namespace eddyline
