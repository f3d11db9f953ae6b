#include "surrogates/layers/copy_values.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/layers/linear.hpp"

namespace eddyline {
namespace {

TEST(CopyValues, LeavesTheCopyAsItWasWhenTheOriginalChanges) {
  at::NoGradGuard const no_grad;
  Linear original(3, 2), copy(3, 2);
  original.weight.fill_(5);
  original.to(at::kDouble);
  copy_values(original, copy);
  original.weight.zero_();
  EXPECT_TRUE(at::equal(copy.weight, at::full({2, 3}, 5, at::kDouble)));
  EXPECT_FALSE(copy.weight.requires_grad());
}

TEST(CopyValues, BetweenOtherModulesIsABug) {
  LoraLinear const original(3, 2, {});
  Linear copy(3, 2);
  EXPECT_THROW(copy_values(original, copy), Bug);
}

}  // namespace
}  // namespace eddyline
