// MORPH against values computed with the reference implementation (specs/morph.md, section 17).
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/parity/morph_reference.hpp"

namespace eddyline::parity {
namespace {

template <class Compare>
void for_each_reference(Compare compare) {
  for (auto const& reference : read_references("morph")) {
    SCOPED_TRACE(reference.stem);
    compare(reference);
  }
}

TEST(MorphParity, Outputs) {
  for_each_reference(compare_outputs);
}
TEST(MorphParity, Intermediates) {
  for_each_reference(compare_intermediates);
}
TEST(MorphParity, Gradients) {
  for_each_reference(compare_gradients);
}
TEST(MorphParity, MissingGradients) {
  for_each_reference(compare_missing_gradients);
}
TEST(MorphParity, Training) {
  for_each_reference(compare_training);
}
TEST(MorphParity, ResumedTraining) {
  for_each_reference(compare_resumed_training);
}
TEST(MorphParity, FineTuning) {
  for_each_reference(compare_fine_tuning);
}
TEST(MorphParity, Rollout) {
  for_each_reference(compare_rollout);
}

/// What a fixture holds must be an input or be compared: a new group cannot go unnoticed.
TEST(MorphParity, EveryDataSetIsUsed) {
  for_each_reference([](Reference const& reference) {
    for (auto* const compare : {compare_outputs,
                                compare_intermediates,
                                compare_gradients,
                                compare_missing_gradients,
                                compare_training,
                                compare_resumed_training,
                                compare_fine_tuning,
                                compare_rollout}) {
      compare(reference);
    }
    EXPECT_EQ(reference.unused(), std::vector<std::string>{}) << reference.stem;
  });
}

/// Every parameter's gradient along a random direction against central differences in float64.
TEST(MorphParity, DirectionalDifferences) {
  // Of the loss' size. Truncation and round-off are near 1e-11; a step that carries one of the
  // convolutions' values across LeakyReLU's kink adds up to some 1e-7.
  constexpr double kTolerance = 1e-6;
  for_each_reference([&](Reference const& reference) {
    auto const morph = load_morph(reference);
    morph->to(at::kDouble);
    auto const volume = reference.tensor("input/vol").to(at::kDouble);
    auto const loss = [&] {
      return morph->forward(volume, plain_pass(volume)).pred.square().mean();
    };
    compare_directions(reference, *morph, loss, kTolerance);
  });
}

}  // namespace
}  // namespace eddyline::parity
