#include "workflows/training/config_differences.hpp"

#include <gtest/gtest.h>

namespace eddyline {
namespace {

TEST(ConfigDifferences, NamesKeysThatMustNotChange) {
  auto const now = "train: {batch: 4, steps: 9, loss: {kind: mae}}\n";
  auto const before = "train: {batch: 8, steps: 5, loss: {kind: mse}}\n";
  EXPECT_EQ(config_differences(now, before, {"train.steps"}),
            (std::vector<std::string>{"train.batch: 4 instead of 8",
                                      "train.loss.kind: mae instead of mse"}));
  EXPECT_TRUE(config_differences(now, before, {"train"}).empty());
}

}  // namespace
}  // namespace eddyline
