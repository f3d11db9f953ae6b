// Networks that divide a sample among ranks give what one rank gives: forecast, gradients, frozen.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/process_group.hpp"
#include "tests/surrogates/split_sample.hpp"

namespace eddyline {
namespace {

class Split : public SurrogateContract {
 protected:
  /// Splits that the network's small grid allows.
  std::vector<Parts> splits(Surrogate const& model) const {
    return surrogate_entry(GetParam()).splits_samples ? allowed_splits(model, spec_)
                                                      : std::vector<Parts>();
  }
  std::shared_ptr<Surrogate> make() const {
    return surrogate_entry(GetParam()).make(contract_.model.text, spec_, 1);
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
