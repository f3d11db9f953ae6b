#include "data/field/history.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

at::Tensor frame(double value) {
  return at::full({1, 1, 1, 1, 2}, value);
}

TEST(History, KeepsTheNewestFramesInOrder) {
  History history(3, nullptr);
  for (int i = 0; i < 5; ++i) {
    history.push(frame(i), 0.1 * i);
  }
  auto const window = history.window();
  ASSERT_EQ(window.sizes().vec(), (std::vector<int64_t>{1, 3, 1, 1, 1, 2}));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(window[0][i][0][0][0][0].item<double>(), i + 2);
    EXPECT_DOUBLE_EQ(history.times()[static_cast<size_t>(i)], 0.1 * (i + 2));
  }
  EXPECT_EQ(history.newest().time, 0.4);
}

TEST(History, RefusesToAnswerBeforeItsFirstFrame) {
  History const history(1, nullptr);
  EXPECT_THROW(history.window(), Error);
}

}  // namespace
}  // namespace eddyline
