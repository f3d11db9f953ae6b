// Networks that divide a sample among ranks give what one rank gives: forecast, gradients, frozen.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/process_group.hpp"
#include "tests/surrogates/split_sample.hpp"

namespace eddyline {
namespace {

/// Splits of a sample over these ranks.
std::vector<Parts> splits_over(int ranks) {
  if (ranks == 2) {
    return {{1, 1, 2}, {1, 2, 1}, {2, 1, 1}};
  }
  return {{1, 2, 2}, {1, 1, 4}, {2, 2, 1}};
}

/// Largest difference over the largest value, which is at least `floor`.
double relative(at::Tensor const& a, at::Tensor const& b, double floor = 0) {
  EXPECT_EQ(a.sizes(), b.sizes());
  auto const scale = std::max(b.abs().max().item<double>(), floor);
  auto const difference = (a - b).abs().max().item<double>();
  return scale == 0 ? difference : difference / scale;
}

struct Tolerance {
  double relative;
  /// Share of the largest gradient below which a gradient is round-off: that of the keys' bias,
  /// which a softmax does not see, is nothing else.
  double floor;
};
constexpr Tolerance kDouble{.relative = 1e-10, .floor = 1e-6};
/// Sums of some thousand terms in another order; both together are float32's step, 1e-7.
constexpr Tolerance kSingle{.relative = 1e-4, .floor = 1e-3};

void compare(SplitSample& sample, Context const& context, Tolerance const& tolerance) {
  auto const whole = sample.run_whole(context), part = sample.run_part(context);
  EXPECT_LE(relative(part.prediction, sample.own(whole.prediction)), tolerance.relative);
  EXPECT_LE(relative(part.input_gradient, sample.own(whole.input_gradient)), tolerance.relative);
  double largest = 0;
  for (auto const& [name, gradient] : whole.gradients) {
    largest = std::max(largest, gradient.abs().max().item<double>());
  }
  for (auto const& [name, gradient] : whole.gradients) {
    ASSERT_TRUE(part.gradients.contains(name)) << name;
    EXPECT_LE(relative(part.gradients.at(name), gradient, tolerance.floor * largest),
              tolerance.relative)
        << name;
  }
}

class Split : public SurrogateContract {
 protected:
  /// Splits that the network's small grid allows.
  std::vector<Parts> splits(Surrogate const& model) const {
    std::vector<Parts> allowed;
    auto const patch = model.patch(), cells = spec_.grid.shape();
    for (auto const parts : splits_over(Communicator::world().size())) {
      bool fits = surrogate_entry(GetParam()).splits_samples;
      for (size_t a = 0; a < 3; ++a) {
        auto const unit = cells[a] == 1 ? 1 : patch[a];
        fits = fits && parts[a] <= cells[a] / unit;
      }
      if (fits) {
        allowed.push_back(parts);
      }
    }
    return allowed;
  }
  SurrogateSpec const spec_ = split_spec(contract_);
};

TEST_P(Split, GivesForecastAndGradientsOfOneRankOnManyRanks) {
  auto const model = make();
  model->eval();
  for (auto const parts : splits(*model)) {
    SCOPED_TRACE(text_of(parts));
    SplitSample sample(*model, spec_, parts, at::kDouble);
    compare(sample, {}, kDouble);
  }
}

TEST_P(Split, AgreesInSinglePrecisionAndWithDropoutOnManyRanks) {
  auto const model = make();
  for (auto const parts : splits(*model)) {
    SCOPED_TRACE(text_of(parts));
    SplitSample sample(*model, spec_, parts, at::kFloat);
    compare(sample, {.random = {.seed = 11, .step = 5}}, kSingle);
  }
}

TEST_P(Split, RecomputesActivationsToTheSameGradientsOnManyRanks) {
  auto const model = make();
  model->eval();
  for (auto const parts : splits(*model)) {
    SCOPED_TRACE(text_of(parts));
    SplitSample sample(*model, spec_, parts, at::kDouble);
    compare(sample, {.activations = Activations::recompute}, kDouble);
  }
}

TEST_P(Split, ForecastsTheSameInItsFrozenFormOnManyRanks) {
  auto const model = make();
  model->eval();
  at::NoGradGuard const no_grad;
  auto const frozen = model->freeze(Precision::fp32);
  for (auto const parts : splits(*model)) {
    SCOPED_TRACE(text_of(parts));
    SplitSample sample(*model, spec_, parts, at::kFloat);
    if (frozen) {
      EXPECT_LE(
          distance(frozen->predict(sample.part()), sample.own(frozen->predict(sample.whole()))),
          kRoundOff);
    }
  }
}

// A layer of cells with all filters is no small part of grids as small as these, so halos are left
// out.
TEST_P(Split, SendsNoMessageAsLargeAsAFieldOnManyRanks) {
  auto const model = make();
  model->eval();
  for (auto const parts : splits(*model)) {
    SCOPED_TRACE(text_of(parts));
    SplitSample sample(*model, spec_, parts, at::kFloat);
    auto const field = static_cast<int64_t>(sample.whole().input.select(2, 0).nbytes());
    (void)sample.run(sample.part(), {});
    for (size_t a = 0; a < 3; ++a) {
      if (auto const& line = sample.mesh().line(a)) {
        for (auto const& [kind, count] : counters_of(*line).kinds) {
          EXPECT_TRUE(kind == "halo" || count.largest < field)
              << "DHW"[a] << " " << kind << ": " << count.largest << " of " << field << " bytes";
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Registry,
                         Split,
                         testing::ValuesIn(surrogate_names()),
                         [](auto const& instance) { return instance.param; });

}  // namespace
}  // namespace eddyline
