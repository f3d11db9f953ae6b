// MORPH against values computed with the reference implementation (specs/morph.md, section 17).
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/gpu.hpp"
#include "tests/parity/morph_reference.hpp"

namespace eddyline::parity {
namespace {

using Comparison = void (*)(Reference const&);

void for_each_reference(Comparison compare) {
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
TEST(MorphParity, ResumedTrainingOfImport) {
  for_each_reference(compare_resumed_training_of_import);
}
TEST(MorphParity, FineTuning) {
  for_each_reference(compare_fine_tuning);
}
TEST(MorphParity, Rollout) {
  for_each_reference(compare_rollout);
}
TEST(MorphParity, Frozen) {
  for_each_reference(compare_frozen);
}

TEST(MorphParity, SplitOnManyRanks) {
  int splits = 0;
  for (auto const& reference : read_references("morph")) {
    SCOPED_TRACE(reference.stem);
    splits += compare_split(reference, split_morph(reference));
  }
  EXPECT_GT(splits, 0);
}

TEST(MorphParity, OnGpu) {
  auto const gpu = test_gpu();
  if (!gpu) {
    GTEST_SKIP() << needs_gpu();
  }
  for (auto const& reference : read_references("morph")) {
    SCOPED_TRACE(reference.stem);
    compare_on_gpu(reference, split_morph(reference), *gpu);
  }
}

/// What a fixture holds must be an input or be compared: a new group cannot go unnoticed.
TEST(MorphParity, EveryDataSetIsUsed) {
  for_each_reference([](Reference const& reference) {
    constexpr Comparison kAll[] = {compare_outputs,
                                   compare_intermediates,
                                   compare_gradients,
                                   compare_missing_gradients,
                                   compare_training,
                                   compare_resumed_training,
                                   compare_fine_tuning,
                                   compare_rollout};
    for (auto* const compare : kAll) {
      compare(reference);
    }
    EXPECT_EQ(reference.unused(), std::vector<std::string>{}) << reference.stem;
  });
}

/// Every parameter's gradient against central differences in float64.
void compare_all_directions(Reference const& reference, bool training) {
  // A step that carries one of the convolutions' values across LeakyReLU's kink adds some 1e-5.
  constexpr double kTolerance = 1e-4;
  auto const morph = load_morph(reference);
  morph->to(at::kDouble);
  auto const volume = reference.tensor("input/vol").to(at::kDouble);
  auto pass = plain_pass(volume);
  pass.training = training;
  auto const loss = [&] { return morph->forward(volume, pass).pred.square().mean(); };
  compare_directions(reference, *morph, loss, kTolerance);
}

TEST(MorphParity, DirectionalDifferences) {
  for_each_reference([](Reference const& reference) { compare_all_directions(reference, false); });
}

/// With the attention and the dropouts of training, whose masks are the same at every call.
TEST(MorphParity, DirectionalDifferencesInTraining) {
  for_each_reference([](Reference const& reference) { compare_all_directions(reference, true); });
}

}  // namespace
}  // namespace eddyline::parity
