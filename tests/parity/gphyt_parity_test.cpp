// GPhyT against values computed with the reference implementation.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/gpu.hpp"
#include "tests/parity/gphyt_reference.hpp"

namespace eddyline::parity {
namespace {

template <class Compare>
void for_each_reference(Compare compare) {
  for (auto const& reference : read_references("gphyt")) {
    SCOPED_TRACE(reference.stem);
    compare(reference);
  }
}

TEST(GphytParity, Outputs) {
  for_each_reference(compare_gphyt_outputs);
}
TEST(GphytParity, Intermediates) {
  for_each_reference(compare_gphyt_intermediates);
}
TEST(GphytParity, Gradients) {
  for_each_reference(compare_gphyt_gradients);
}
TEST(GphytParity, Training) {
  for_each_reference(compare_gphyt_training);
}
TEST(GphytParity, Metrics) {
  for_each_reference(compare_gphyt_metrics);
}
TEST(GphytParity, Rollout) {
  for_each_reference(compare_gphyt_rollout);
}

TEST(GphytParity, SplitOnManyRanks) {
  int splits = 0;
  for_each_reference([&](Reference const& reference) {
    splits += compare_split(reference, split_gphyt(reference));
  });
  EXPECT_GT(splits, 0);
}

TEST(GphytParity, OnGpu) {
  auto const gpu = test_gpu();
  if (!gpu) {
    GTEST_SKIP() << needs_gpu();
  }
  for_each_reference(
      [&](Reference const& reference) { compare_on_gpu(reference, split_gphyt(reference), *gpu); });
}

/// What a fixture holds must be an input or be compared: a new group cannot go unnoticed.
TEST(GphytParity, EveryDataSetIsUsed) {
  for_each_reference([](Reference const& reference) {
    for (auto* const compare : {compare_gphyt_outputs,
                                compare_gphyt_intermediates,
                                compare_gphyt_gradients,
                                compare_gphyt_training,
                                compare_gphyt_metrics,
                                compare_gphyt_rollout}) {
      compare(reference);
    }
    EXPECT_EQ(reference.unused(), std::vector<std::string>{}) << reference.stem;
  });
}

/// Every parameter's gradient along a random direction against central differences in float64.
TEST(GphytParity, DirectionalDifferences) {
  for_each_reference(compare_gphyt_directions);
}

}  // namespace
}  // namespace eddyline::parity
