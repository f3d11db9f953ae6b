// IFactFormer-m and -o against values computed with the reference implementation.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/gpu.hpp"
#include "tests/parity/ifactformer_reference.hpp"

namespace eddyline::parity {
namespace {

template <class Compare>
void for_each_reference(Compare compare) {
  for (auto const& reference : read_references("ifactformer")) {
    SCOPED_TRACE(reference.stem);
    compare(reference);
  }
}

TEST(IFactFormerParity, Outputs) {
  for_each_reference(compare_outputs);
}
TEST(IFactFormerParity, Intermediates) {
  for_each_reference(compare_intermediates);
}
TEST(IFactFormerParity, Gradients) {
  for_each_reference([](Reference const& reference) { compare_gradients(reference); });
}
TEST(IFactFormerParity, Training) {
  for_each_reference(compare_training);
}
TEST(IFactFormerParity, RelativeL2Training) {
  for_each_reference(compare_relative_l2_training);
}
TEST(IFactFormerParity, Rollout) {
  for_each_reference(compare_rollout);
}

TEST(IFactFormerParity, SplitOnManyRanks) {
  for_each_reference([](Reference const& reference) {
    EXPECT_GT(compare_split(reference, split_ifactformer(reference)), 0);
  });
}

TEST(IFactFormerParity, OnGpu) {
  auto const gpu = test_gpu();
  if (!gpu) {
    GTEST_SKIP() << needs_gpu();
  }
  for_each_reference([&](Reference const& reference) {
    compare_on_gpu(reference, split_ifactformer(reference), *gpu);
  });
}

/// What a fixture holds must be an input or be compared: a new group cannot go unnoticed.
TEST(IFactFormerParity, EveryDataSetIsUsed) {
  for_each_reference([](Reference const& reference) {
    compare_outputs(reference);
    compare_intermediates(reference);
    compare_gradients(reference);
    compare_training(reference);
    compare_relative_l2_training(reference);
    compare_rollout(reference);
    EXPECT_EQ(reference.unused(), std::vector<std::string>{}) << reference.stem;
  });
}

/// Every parameter's gradient along a random direction against central differences in float64.
TEST(IFactFormerParity, DirectionalDifferences) {
  constexpr double kTolerance = 1e-7;  // truncation and round-off: 5e-9 of a slope
  for_each_reference([&](Reference const& reference) {
    auto const network = load_ifactformer(reference);
    network->to(at::kDouble);
    auto const window = window_of(reference).to(at::kDouble);
    auto coordinates = coordinates_of(reference);
    for (auto& coordinate : coordinates) {
      coordinate = coordinate.to(at::kDouble);
    }
    auto const loss = [&] { return network->forward(window, coordinates, {}).square().mean(); };
    compare_directions(reference, *network, loss, kTolerance);
  });
}

}  // namespace
}  // namespace eddyline::parity
