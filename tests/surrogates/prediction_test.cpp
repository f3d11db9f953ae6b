#include "surrogates/prediction.hpp"

#include <nlohmann/json.hpp>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "data/pipeline/fit.hpp"

namespace eddyline {
namespace {

constexpr double kRoundOff = 1e-5;

/// Puts out the same numbers whatever comes in.
class Constant final : public Surrogate {
 public:
  explicit Constant(at::Tensor output) : output_(std::move(output)) {}
  at::Tensor predict(Batch const&, Context const&) override { return output_; }
  std::string config() const override { return ""; }
  int64_t history() const override { return 2; }
  std::array<int64_t, 3> patch() const override { return {1, 1, 1}; }

 private:
  at::Tensor output_;
};

Batch make_batch(int64_t known) {
  auto spec = std::make_shared<BatchSpec>();
  std::vector<Field> inputs = {{.name = "u"}, {.name = "v"}};
  spec->output_fields = FieldSet(inputs);
  if (known > 0) {
    inputs.push_back({.name = "hour"});
    spec->known_fields = FieldSet(std::vector<Field>{{.name = "hour"}});
  }
  spec->input_fields = FieldSet(inputs);
  at::manual_seed(3);
  Batch batch;
  batch.input = at::randn({2, 2, 2 + known, 1, 1, 3});
  batch.target = at::randn({2, 3, 2, 1, 1, 3});
  batch.forcing = known > 0 ? at::randn({2, 3, known, 1, 1, 3}) : at::Tensor();
  auto const mean = at::tensor({1.0F, 2.0F, 0.0F}).narrow(0, 0, 2 + known).unsqueeze(0);
  auto const scale = at::tensor({2.0F, 3.0F, 1.0F}).narrow(0, 0, 2 + known).unsqueeze(0);
  batch.input_norm = {mean, scale};
  batch.target_norm = {at::tensor({1.0F, 2.0F}).unsqueeze(0),
                       at::tensor({2.0F, 3.0F}).unsqueeze(0)};
  batch.spec = spec;
  return batch;
}

TEST(PredictState, OfAStateIsTheOutputItself) {
  auto const output = at::randn({2, 1, 2, 1, 1, 3});
  Constant network(output);
  EXPECT_TRUE(at::equal(predict_state(network, make_batch(0), {}, {}), output));
}

Affine row_pair(float mean, float scale) {
  return {at::tensor({mean, 2 * mean}).unsqueeze(0), at::tensor({scale, 8 * scale}).unsqueeze(0)};
}

TEST(PredictState, OfAnIncrementAddsItToTheLastFrame) {
  auto const batch = make_batch(1);
  auto const output = at::randn({2, 2, 2, 1, 1, 3});
  Constant network(output);
  TargetRule const rule{TargetKind::increment, {{"", row_pair(0.1F, 0.5F)}}};
  auto const predicted = predict_state(network, batch, {}, rule);
  auto const last = batch.input.select(1, -1).narrow(1, 0, 2);
  auto const scale = at::tensor({0.5F, 4.0F}).view({1, 2, 1, 1, 1});
  auto const mean = at::tensor({0.1F, 0.2F}).view({1, 2, 1, 1, 1});
  auto const one = last + mean + scale * output.select(1, 0);
  auto const two = one + mean + scale * output.select(1, 1);
  EXPECT_LT((predicted.select(1, 0) - one).abs().max().item<double>(), kRoundOff);
  EXPECT_LT((predicted.select(1, 1) - two).abs().max().item<double>(), kRoundOff);
}

TEST(PredictState, OfAnIncrementTakesTheScaleOfTheBatchsDataSet) {
  auto batch = make_batch(0);
  auto spec = std::make_shared<BatchSpec>(*batch.spec);
  spec->dataset = "b";
  batch.spec = spec;
  Constant network(at::ones({2, 1, 2, 1, 1, 3}));
  TargetRule const rule{TargetKind::increment,
                        {{"a", row_pair(0.1F, 0.5F)}, {"b", row_pair(1.0F, 2.0F)}}};
  auto const moved =
      predict_state(network, batch, {}, rule).select(1, 0) - batch.input.select(1, -1);
  EXPECT_LT((moved.select(1, 0) - 3).abs().max().item<double>(), kRoundOff);
  EXPECT_LT((moved.select(1, 1) - 18).abs().max().item<double>(), kRoundOff);
}

TEST(SlideInput, DropsTheOldestFrameAndCompletesTheNewest) {
  auto const batch = make_batch(1);
  auto const predicted = at::randn({2, 1, 2, 1, 1, 3});
  auto const next = slide_input(batch, predicted);
  EXPECT_TRUE(at::equal(next.input.select(1, 0), batch.input.select(1, 1)));
  EXPECT_LT(
      (next.input.select(1, 1).narrow(1, 0, 2) - predicted.select(1, 0)).abs().max().item<double>(),
      kRoundOff);
  EXPECT_TRUE(at::equal(next.input.select(1, 1).narrow(1, 2, 1), batch.forcing.select(1, 0)));
  EXPECT_TRUE(at::equal(next.forcing, batch.forcing.narrow(1, 1, 2)));
  EXPECT_TRUE(at::equal(next.target, batch.target.narrow(1, 1, 2)));
}

TEST(SlideInput, HoldsWhatIsMissing) {
  auto batch = make_batch(1);
  batch.absent = at::zeros({2, 2, 1, 1, 3}, at::kBool);
  batch.absent[1][0][0][0][2] = true;
  auto const predicted = at::randn({2, 1, 2, 1, 1, 3});
  auto const next = slide_input(slide_input(batch, predicted), predicted);
  EXPECT_EQ(next.input[1][1][0][0][0][2].item<float>(),
            batch.input[1][1][0][0][0][2].item<float>());
  EXPECT_NEAR(next.input[1][1][1][0][0][2].item<float>(),
              predicted[1][0][1][0][0][2].item<float>(),
              kRoundOff);
}

TEST(SlideInput, MakesAddedCellsAnewFromTheInside) {
  Axis const x{.name = "x", .coordinates = {0, 1, 2, 3, 4, 5}};
  auto batch = make_batch(0);
  auto spec = std::make_shared<BatchSpec>(*batch.spec);
  // 6 cells become 8: one more at each end.
  spec->fit = std::make_shared<Fit const>(Grid({x}), std::array<int64_t, 3>{1, 1, 4}, FitMode::pad);
  batch.spec = spec;
  batch.input = at::zeros({2, 2, 2, 1, 1, 8});
  auto const predicted = at::arange(1, 9, at::kFloat).expand({2, 1, 2, 1, 1, 8});
  auto const newest = slide_input(batch, predicted).input[0][1][0].flatten();
  auto const expected = at::tensor({2.0F, 2.0F, 3.0F, 4.0F, 5.0F, 6.0F, 7.0F, 7.0F});
  EXPECT_LT((newest - expected).abs().max().item<double>(), kRoundOff);
}

TEST(SlideInput, KeepsTheGradient) {
  auto const batch = make_batch(0);
  auto const predicted = at::randn({2, 1, 2, 1, 1, 3}).requires_grad_(true);
  slide_input(batch, predicted).input.sum().backward();
  EXPECT_LT((predicted.grad() - 1).abs().max().item<double>(), kRoundOff);
}

TEST(SlideInput, RefusesANetworkThatDoesNotPredictItsInputs) {
  auto batch = make_batch(0);
  auto spec = std::make_shared<BatchSpec>(*batch.spec);
  spec->output_fields = FieldSet(std::vector<Field>{{.name = "u"}});
  batch.spec = spec;
  try {
    slide_input(batch, at::randn({2, 1, 1, 1, 1, 3}));
    FAIL() << "not refused";
  } catch (Error const& error) {
    EXPECT_NE(std::string(error.what()).find("the network reads u, v and writes u"),
              std::string::npos)
        << error.what();
  }
}

TEST(TargetRule, SurvivesJson) {
  TargetRule const rule{TargetKind::increment,
                        {{"a", row_pair(0.1F, 0.5F)}, {"b", row_pair(1.0F, 2.0F)}}};
  auto const back = target_rule_from_json(to_json(rule));
  EXPECT_EQ(back.kind, TargetKind::increment);
  ASSERT_EQ(back.increments.size(), 2U);
  EXPECT_TRUE(at::equal(back.increments.at("a").mean, rule.increments.at("a").mean));
  EXPECT_TRUE(at::equal(back.increments.at("b").scale, rule.increments.at("b").scale));
  EXPECT_EQ(target_rule_from_json(to_json(TargetRule{})).kind, TargetKind::state);
}

TEST(TargetRule, TellsWhatItCannotRead) {
  auto const refusal = [](nlohmann::json const& json) -> std::string {
    try {
      target_rule_from_json(json);
      return "";
    } catch (Error const& error) {
      return error.what();
    }
  };
  EXPECT_NE(refusal({{"kind", "speed"}}).find("the target rule is 'speed'"), std::string::npos);
  nlohmann::json old = {{"kind", "increment"}, {"mean", {0.1}}, {"scale", {0.5}}};
  EXPECT_NE(refusal(old).find("must be trained anew"), std::string::npos) << refusal(old);
  old["sets"]["a"] = {{"mean", {0.1}}, {"scale", {-0.5}}};
  EXPECT_NE(refusal(old).find("scale that is not positive"), std::string::npos) << refusal(old);
  old["sets"]["a"] = {{"mean", {0.1}}};
  EXPECT_NE(refusal(old).find("has no list 'scale'"), std::string::npos) << refusal(old);
}

}  // namespace
}  // namespace eddyline
