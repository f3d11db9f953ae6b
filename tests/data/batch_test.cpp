#include "data/batch.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace eddyline {
namespace {

TEST(Affine, ScalesEachChannelBySample) {
  Affine const norm = {at::arange(4, at::kFloat).view({2, 2}), at::full({2, 2}, 2.0F)};
  auto const values = at::full({2, 3, 2, 1, 1, 2}, 7.0F);
  auto const seen = norm.normalise(values);
  EXPECT_EQ(seen[0][2][1][0][0][1].item<float>(), 3) << "(7 - 1) / 2";
  EXPECT_EQ(seen[1][0][1][0][0][0].item<float>(), 2) << "(7 - 3) / 2";
  EXPECT_TRUE(norm.restore(seen).equal(values));
}

TEST(Affine, OneRowServesAllSamplesAndStatesToo) {
  Affine const norm = {at::tensor({1.0F, 2.0F}).view({1, 2}),
                       at::tensor({2.0F, 4.0F}).view({1, 2})};
  auto const seen = norm.normalise(at::full({3, 2, 1, 1, 2}, 10.0F));  // (B, C, D, H, W)
  EXPECT_EQ(seen[2][0][0][0][0].item<float>(), 4.5F);
  EXPECT_EQ(seen[2][1][0][0][0].item<float>(), 2);
}

TEST(Batch, SizeIsItsNumberOfSamples) {
  Batch const batch{.input = at::zeros({5, 1, 1, 1, 1, 1})};
  EXPECT_EQ(batch.size(), 5);
}

}  // namespace
}  // namespace eddyline
