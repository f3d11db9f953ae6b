// The ConvNeXt U-Net against values computed with The Well's own
// (tests/fixtures/unet/make_unet.py).
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/gpu.hpp"
#include "tests/parity/unet_reference.hpp"

namespace eddyline::parity {
namespace {

template <class Compare>
void for_each_reference(Compare compare) {
  for (auto const& reference : read_references("unet")) {
    SCOPED_TRACE(reference.stem);
    compare(reference);
  }
}

using Comparison = void (*)(Reference const&);

TEST(UnetParity, Keys) {
  for_each_reference(compare_keys);
}
TEST(UnetParity, Outputs) {
  for_each_reference(compare_outputs);
}
TEST(UnetParity, Intermediates) {
  for_each_reference(compare_intermediates);
}
TEST(UnetParity, Gradients) {
  for_each_reference(Comparison{compare_gradients});
}
TEST(UnetParity, MissingGradients) {
  for_each_reference(compare_missing_gradients);
}
TEST(UnetParity, Training) {
  for_each_reference(compare_training);
}
TEST(UnetParity, Rollout) {
  for_each_reference(compare_rollout);
}

TEST(UnetParity, SplitOnManyRanks) {
  int splits = 0;
  for (auto const& reference : read_references("unet")) {
    SCOPED_TRACE(reference.stem);
    splits += compare_split(reference, split_unet(reference));
  }
  EXPECT_GT(splits, 0);
}

TEST(UnetParity, OnGpu) {
  auto const gpu = test_gpu();
  if (!gpu) {
    GTEST_SKIP() << needs_gpu();
  }
  for_each_reference(
      [&](Reference const& reference) { compare_on_gpu(reference, split_unet(reference), *gpu); });
}

/// What a fixture holds must be an input or be compared: a new group cannot go unnoticed.
TEST(UnetParity, EveryDataSetIsUsed) {
  for_each_reference([](Reference const& reference) {
    for (auto const compare : {Comparison{compare_outputs},
                               Comparison{compare_intermediates},
                               Comparison{compare_gradients},
                               Comparison{compare_missing_gradients},
                               Comparison{compare_training},
                               Comparison{compare_rollout}}) {
      compare(reference);
    }
    EXPECT_EQ(reference.unused(), std::vector<std::string>{}) << reference.stem;
  });
}

/// Every parameter's gradient along a random direction against central differences in float64.
TEST(UnetParity, DirectionalDifferences) {
  constexpr double kTolerance = 1e-7;  // of the loss' size; truncation and round-off are near 1e-10
  for_each_reference([&](Reference const& reference) {
    auto const unet = load_unet(reference);
    unet->to(at::kDouble);
    auto batch = batch_of(reference);
    batch.input = batch.input.to(at::kDouble);
    auto const loss = [&] { return unet->predict(batch, {}).square().mean(); };
    compare_directions(reference, *unet, loss, kTolerance);
  });
}

}  // namespace
}  // namespace eddyline::parity
