// Whether divided samples give what whole ones do.
#pragma once

#include <algorithm>
#include <string>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/surrogates/split_sample.hpp"

namespace eddyline {

/// Largest difference over the largest value, which is at least `floor`.
inline double relative(at::Tensor const& a, at::Tensor const& b, double floor = 0) {
  EXPECT_EQ(a.sizes(), b.sizes());
  auto const scale = std::max(b.abs().max().item<double>(), floor);
  auto const difference = (a - b).abs().max().item<double>();
  return scale == 0 ? difference : difference / scale;
}

/// Relative to a tensor's largest value.
struct Tolerance {
  double values;
  double gradients;
  double floor = 1e-6;  ///< share of the largest gradient below which a gradient is round-off
};
inline constexpr Tolerance kDouble{.values = 1e-10, .gradients = 1e-10};
/// Of float32, as the networks' specifications have it of forecasts; of first weights 6e-7 are
/// seen.
inline constexpr double kSingleValues = 1e-5;
/// Products of 8 bits, whose sums come in another order.
inline constexpr Tolerance kEightBits{.values = 0.03, .gradients = 0.03, .floor = 0.1};

/// True of biases that change nothing: a softmax does not see what all keys have in common (MORPH),
/// an instance norm not what all cells have (GPhyT's stacks of convolutions). Their gradient is a
/// sum that is zero but for the round-off of its terms.
inline bool changes_nothing(std::string const& name) {
  return name.ends_with(".k.base.bias") || name.ends_with("coder.1.0.bias");
}

inline void expect_same(SplitSample::Result const& result,
                        SplitSample::Result const& expected,
                        Tolerance const& tolerance) {
  EXPECT_LE(relative(result.prediction, expected.prediction), tolerance.values);
  EXPECT_LE(relative(result.input_gradient, expected.input_gradient), tolerance.gradients);
  double largest = 0;
  for (auto const& [name, gradient] : expected.gradients) {
    largest = std::max(largest, gradient.abs().max().item<double>());
  }
  for (auto const& [name, gradient] : expected.gradients) {
    ASSERT_TRUE(result.gradients.contains(name)) << name;
    auto const& own = result.gradients.at(name);
    if (changes_nothing(name)) {
      // Of the same terms, times inputs of size one, is the gradient of the weight.
      auto const weight = expected.gradients.at(name.substr(0, name.size() - 4) + "weight");
      auto const terms = tolerance.gradients * weight.abs().max().item<double>();
      EXPECT_LE(own.abs().max().item<double>(), terms) << name;
      EXPECT_LE(gradient.abs().max().item<double>(), terms) << name << ", whole";
    } else {
      EXPECT_LE(relative(own, gradient, tolerance.floor * largest), tolerance.gradients) << name;
    }
  }
}

/// \param whole  of the same network and context: whatever the split, it is the same
inline void compare(SplitSample& sample,
                    SplitSample::Result const& whole,
                    Context const& context,
                    Tolerance const& tolerance) {
  auto own = whole;
  own.prediction = sample.own(whole.prediction);
  own.input_gradient = sample.own_input(whole.input_gradient);
  expect_same(sample.run_part(context), own, tolerance);
}

}  // namespace eddyline
