#include "data/sharding/part_of.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace eddyline {
namespace {

TEST(PartOf, IsTheBoxAndLeavesAxesOfLengthOne) {
  auto const values = at::arange(2 * 1 * 4 * 5).view({2, 1, 4, 5});
  Box const box{.first = {3, 1, 2}, .size = {2, 2, 3}};
  EXPECT_TRUE(at::equal(part_of(values, box), values.narrow(2, 1, 2).narrow(3, 2, 3)));
}

}  // namespace
}  // namespace eddyline
