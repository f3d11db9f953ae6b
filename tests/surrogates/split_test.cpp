// Networks that divide a sample among ranks give what one rank gives: forecast, gradients, frozen.
#include <optional>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "surrogates/adaptation/adapter.hpp"
#include "tests/surrogates/split_comparison.hpp"

namespace eddyline {
namespace {

class Split : public SurrogateContract {
 protected:
  /// Splits that the network's small grid allows.
  std::vector<Parts> splits(Surrogate const& model) const {
    return surrogate_entry(contract_.surrogate).splits_samples ? allowed_splits(model, spec_)
                                                               : std::vector<Parts>();
  }
  std::shared_ptr<Surrogate> make() const {
    return surrogate_entry(contract_.surrogate).make(contract_.model.text, spec_, 1);
  }
  /// First weights let little of what travels through to the forecast (of the attention of
  /// IFactFormer-m a hundredth, of -o's not one digit of float32): here are others.
  std::shared_ptr<Surrogate> make_other() const {
    auto const model = make();
    at::NoGradGuard const no_grad;
    for (auto& parameter : model->parameters()) {
      parameter.add_(numbers(parameter.sizes().vec(), 8), 0.1);
    }
    return model;
  }
  SurrogateSpec const spec_ = split_spec(contract_);
};

TEST_P(Split, GivesForecastAndGradientsOfOneRankOnManyRanks) {
  auto const model = make_other();
  model->eval();
  std::optional<SplitSample::Result> whole;
  for (auto const parts : splits(*model)) {
    SCOPED_TRACE(text_of(parts));
    SplitSample sample(*model, spec_, parts, at::kDouble);
    whole = whole ? whole : sample.run_whole({});
    compare(sample, *whole, {}, kDouble);
  }
}

TEST_P(Split, GivesTheSameFromRecomputedActivationsOnManyRanks) {
  auto const model = make();
  model->eval();
  Context const recomputing{.activations = Activations::recompute};
  std::optional<SplitSample::Result> whole;
  for (auto const parts : two_of(splits(*model))) {
    SCOPED_TRACE(text_of(parts));
    SplitSample sample(*model, spec_, parts, at::kDouble);
    whole = whole ? whole : sample.run_whole({});
    compare(sample, *whole, recomputing, kDouble);
  }
}

TEST_P(Split, AgreesInSinglePrecisionAndWithDropoutOnManyRanks) {
  auto const model = make_other();
  Context const context{.random = {.seed = 11, .step = 5}};
  Tolerance const tolerance{.values = kSingleValues, .gradients = contract_.split_gradients};
  std::optional<SplitSample::Result> whole;
  for (auto const parts : splits(*model)) {
    SCOPED_TRACE(text_of(parts));
    SplitSample sample(*model, spec_, parts, at::kFloat);
    whole = whole ? whole : sample.run_whole(context);
    compare(sample, *whole, context, tolerance);
  }
}

TEST_P(Split, TrainsLowRankUpdatesAsOneRankOnManyRanks) {
  auto const model = make();
  model->eval();
  model->to(at::kDouble);
  Adapter adapter(*model, {.rank = 1, .layers = {"*"}}, {}, 7);
  for (auto const& update : adapter.updates()) {
    update.b.data().fill_(0.01);  // zero at first, where A has no gradient
  }
  std::vector<at::Tensor> whole;
  double largest = 0;
  for (auto const parts : two_of(splits(*model))) {
    SCOPED_TRACE(text_of(parts));
    SplitSample sample(*model, spec_, parts, at::kDouble);
    auto const gradients = [&](Batch const& batch) {
      adapter.attach();
      (void)sample.run(batch, {});
      std::vector<at::Tensor> found;
      for (auto const& update : adapter.updates()) {
        for (auto factor : {update.a, update.b}) {
          found.push_back(factor.grad().defined() ? factor.grad().clone() : at::zeros_like(factor));
          factor.mutable_grad().reset();
        }
      }
      adapter.settle();
      return found;
    };
    if (whole.empty()) {
      whole = gradients(sample.whole());
      ASSERT_FALSE(whole.empty());
      for (auto const& gradient : whole) {
        largest = std::max(largest, gradient.abs().max().item<double>());
      }
    }
    auto const part = gradients(sample.part());
    for (size_t i = 0; i < whole.size(); ++i) {
      auto const sum = sample.summed(part[i]);
      EXPECT_LE(relative(sum, whole[i], kDouble.floor * largest), kDouble.gradients)
          << adapter.updates()[i / 2].weight;
    }
  }
}

// Products of 8 bits, in other sums; the same bound as between the two precisions on one rank.
TEST_P(Split, InBfloat16IsNearOneRankOnManyRanks) {
  auto const model = make();
  model->eval();
  Context const half{.precision = Precision::bf16};
  std::optional<SplitSample::Result> whole;
  for (auto const parts : two_of(splits(*model))) {
    SCOPED_TRACE(text_of(parts));
    SplitSample sample(*model, spec_, parts, at::kFloat);
    whole = whole ? whole : sample.run_whole(half);
    auto const part = sample.run_part(half);
    EXPECT_LE(relative(part.prediction, sample.own(whole->prediction)), 0.05);
    EXPECT_LE(relative(part.input_gradient, sample.own(whole->input_gradient)), 0.1);
  }
}

TEST_P(Split, ForecastsTheSameInItsFrozenFormOnManyRanks) {
  auto const model = make_other();
  model->eval();
  at::NoGradGuard const no_grad;
  for (auto const precision : {Precision::fp32, Precision::bf16}) {
    auto const frozen = model->freeze(precision);
    auto const forecast = [&](Batch const& batch) {
      return frozen ? frozen->predict(batch) : model->predict(batch, {.precision = precision});
    };
    at::Tensor whole;
    for (auto const parts : two_of(splits(*model))) {
      SCOPED_TRACE(text_of(parts));
      SplitSample sample(*model, spec_, parts, at::kFloat);
      whole = whole.defined() ? whole : forecast(sample.whole()).clone();
      auto const own = forecast(sample.part()), expected = sample.own(whole);
      EXPECT_LE(relative(own, expected),
                precision == Precision::fp32 ? kSingleValues : kEightBits.values);
    }
  }
}

/// Where no workflow rolls the network out as far: split_rollout_test.cpp.
bool is_rolled_out_here(Parts parts) {
  return parts == Parts{1, 2, 1} || parts == Parts{1, 1, 4} || parts == Parts{2, 2, 1};
}

// Round-off of 1e-15 of the first step, with what twenty of an untrained network make of it.
TEST_P(Split, ForecastsTwentyStepsAsOneRankOnManyRanks) {
  auto const model = make();
  model->eval();
  at::NoGradGuard const no_grad;
  auto const roll = [&](Batch batch) {
    auto const frozen = model->freeze(Precision::fp32);
    for (int i = 0; i < 20; ++i) {
      auto const next = frozen ? frozen->predict(batch) : model->predict(batch, {});
      batch.input = at::cat({batch.input.narrow(1, 1, batch.input.size(1) - 1), next}, 1);
    }
    return batch.input;
  };
  at::Tensor whole;
  for (auto const parts : splits(*model)) {
    if (!is_rolled_out_here(parts)) {
      continue;
    }
    SCOPED_TRACE(text_of(parts));
    SplitSample sample(*model, spec_, parts, at::kDouble);
    if (!whole.defined()) {
      whole = made_by_first(sample.mesh().world(), [&] {
                return NamedTensors{{"states", roll(sample.whole())}};
              }).at("states");
    }
    EXPECT_LE(relative(roll(sample.part()), sample.own(whole)), 1e-8);
  }
}

// Of one channel of one frame of a rank's samples, and where every cell is a token of its tokens.
// A layer of cells with all filters is no small part of grids as small as the others': here are
// three times as many cells on each axis.
TEST_P(Split, SendsNoMessageAsLargeAsAFieldOnManyRanks) {
  if (!surrogate_entry(contract_.surrogate).splits_samples) {
    return;
  }
  auto cells = contract_.split_cells;
  for (auto& count : cells) {
    count *= 3;
  }
  auto const spec = spec_of(contract_, cells);
  auto const model = surrogate_entry(contract_.surrogate).make(contract_.model.text, spec, 1);
  model->eval();
  for (auto const parts : allowed_splits(*model, spec)) {
    SCOPED_TRACE(text_of(parts));
    SplitSample sample(*model, spec, parts, at::kFloat);
    (void)sample.run(sample.part(), {});
    if (auto const frozen = model->freeze(Precision::fp32)) {
      at::NoGradGuard const no_grad;
      (void)frozen->predict(sample.part());
    }
    auto const input =
        sample.whole().input.narrow(0, 0, sample.part().input.size(0)).select(2, 0).select(1, 0);
    auto const tokens = input.numel() * contract_.token;
    auto const field = std::max(input.numel(), tokens) * static_cast<int64_t>(input.element_size());
    for (auto const& [kind, largest] : largest_messages(sample.mesh())) {
      // The layers of all input frames travel at once.
      EXPECT_LT(largest, kind == "halo" ? model->history() * field : field) << kind;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Registry,
                         Split,
                         testing::ValuesIn(split_names()),
                         [](auto const& instance) { return instance.param; });

}  // namespace
}  // namespace eddyline
