#include "workflows/training/gradients.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/workflows/training/tiny.hpp"

namespace eddyline {
namespace {

/// Sums of a few float32 in another order.
constexpr double kRoundOff = 2e-6;

/// Gradients after one step on the same global batches, by name; undefined where None.
std::map<std::string, at::Tensor> gradients_of(Communicator const& ranks,
                                               tiny::Source::Options options,
                                               TrainConfig config) {
  auto network = std::make_shared<tiny::Network>();
  tiny::Source source(options, ranks);
  source.start(0, 0);
  LearningStep learner(network, {}, Loss({}, tiny::grid(), at::kCPU), config, ranks);
  StepOrder order{.batches = config.accumulate, .samples = 0};
  for (int64_t b = 0; b < config.accumulate; ++b) {
    order.samples += source.samples(b);
  }
  learner.take(source, order);
  std::map<std::string, at::Tensor> gradients;
  for (auto const& item : network->named_parameters()) {
    gradients[item.key()] = item.value().grad();
  }
  return gradients;
}

void expect_same(std::map<std::string, at::Tensor> const& a,
                 std::map<std::string, at::Tensor> const& b) {
  for (auto const& [name, gradient] : a) {
    ASSERT_EQ(gradient.defined(), b.at(name).defined()) << name;
    if (gradient.defined()) {
      EXPECT_LT((gradient - b.at(name)).abs().max().item<double>(), kRoundOff) << name;
    }
  }
}

TEST(GradientReducer, EqualsOneRankWhenSamplesDoNotDivide) {
  auto const world = Communicator::world();
  auto const self = Communicator::self();
  for (int64_t const samples : {6, 5, 3, 1}) {  // with 4 ranks some have none of 3 and 1
    tiny::Source::Options const options{.samples = samples, .batch = 6};
    expect_same(gradients_of(world, options, tiny::config()),
                gradients_of(self, options, tiny::config()));
  }
}

TEST(GradientReducer, EqualsOneRankWhenBatchesAreAccumulated) {
  auto const world = Communicator::world();
  auto const self = Communicator::self();
  auto config = tiny::config();
  tiny::Source::Options const whole{.samples = 11, .batch = 11};
  auto const expected = gradients_of(self, whole, config);
  config.accumulate = 3;  // 4 + 4 + 3 samples; dropout is keyed by sample, so it is the same
  tiny::Source::Options const parts{.samples = 11, .batch = 4};
  expect_same(gradients_of(world, parts, config), expected);
}

TEST(GradientReducer, LeavesNoneWhatNoRankUsed) {
  auto const world = Communicator::world();
  auto const gradients = gradients_of(world, {.samples = 6, .batch = 6}, tiny::config());
  EXPECT_FALSE(gradients.at("never").defined());
  EXPECT_TRUE(gradients.at("inner").defined());
}

TEST(GradientReducer, CountsARankThatDidNotUseAParameterAsZero) {
  auto const world = Communicator::world();
  auto const run = [](Communicator const& ranks) {
    auto network = std::make_shared<tiny::Network>(2, 0.0);
    LearningStep learner(network, {}, Loss({}, tiny::grid(), at::kCPU), tiny::config(), ranks);
    auto const parameters = learner.optimiser().parameters();
    GradientReducer reducer(parameters, ranks, 100);
    tiny::Source const source({}, ranks);
    auto const step = [&](std::vector<int64_t> const& ids) {
      learner.optimiser().clear_gradients();
      std::vector<int64_t> mine;
      for (size_t i = static_cast<size_t>(ranks.rank()); i < ids.size();
           i += static_cast<size_t>(ranks.size())) {
        mine.push_back(ids[i]);
      }
      auto loss = at::Tensor();
      if (!mine.empty()) {
        auto const batch = source.make(mine);
        auto const prediction = network->predict(batch, {});
        loss = learner.loss().per_sample(prediction, batch.target, batch).sum() /
               static_cast<double>(ids.size());
      }
      reducer.backward(loss, Reduce::now);
      auto const gradient = network->named_parameters()["even"].grad();
      return gradient.defined() ? gradient.clone() : gradient;  // buckets are used again
    };
    return std::vector<at::Tensor>{step({1, 3, 5, 8}), step({1, 3, 5, 7}), step({2, 4, 5, 7})};
  };
  auto const ours = run(world);
  auto const expected = run(Communicator::self());
  EXPECT_LT((ours[0] - expected[0]).abs().max().item<double>(),
            kRoundOff);             // one rank alone used it
  EXPECT_FALSE(ours[1].defined());  // no rank did
  EXPECT_LT((ours[2] - expected[2]).abs().max().item<double>(), kRoundOff);
}

/// Texts of warnings while it lives.
class Warnings final : public c10::WarningHandler {
 public:
  Warnings() { c10::WarningUtils::set_warnAlways(true); }
  ~Warnings() override { c10::WarningUtils::set_warnAlways(false); }
  void process(c10::Warning const& warning) override { texts.push_back(warning.msg()); }
  std::vector<std::string> texts;

 private:
  c10::WarningUtils::WarningHandlerGuard guard_{this};
};

TEST(GradientReducer, TakesGradientsOfWeightsThatAreOneWideWithoutWarningOnManyRanks) {
  auto const world = Communicator::world();
  Warnings const warnings;
  auto const weight = at::ones({4, 3, 1, 1}).requires_grad_();
  auto const turned = at::ones({4, 3, 1, 1}).requires_grad_();
  GradientReducer reducer({{"weight", weight}, {"turned", turned}}, world, 1 << 20);
  auto const x = at::ones({2, 3, 5, 6}).contiguous(at::MemoryFormat::ChannelsLast);
  auto const flat = turned.squeeze(-1).transpose(1, 2).flatten(1);  // (4, 3)
  reducer.backward(at::conv2d(x, weight).sum() + at::linear(at::ones({7, 3}), flat).sum(),
                   Reduce::now);
  EXPECT_THAT(warnings.texts, testing::IsEmpty());
  auto const ranks = world.size();
  EXPECT_TRUE(at::equal(weight.grad(), at::full({4, 3, 1, 1}, 60.0 * ranks)));
  EXPECT_TRUE(at::equal(turned.grad(), at::full({4, 3, 1, 1}, 7.0 * ranks)));
}

TEST(GradientReducer, SendsTheSameSeveralBucketsInEveryPass) {
  auto const world = Communicator::world();
  auto const network = std::make_shared<tiny::Network>();
  LearningStep learner(network, {}, Loss({}, tiny::grid(), at::kCPU), tiny::config(), world);
  auto const laid_out = learner.reducer().bucket_sizes();
  EXPECT_EQ(laid_out.empty(), world.size() == 1);
  tiny::Source source({.samples = 12, .batch = 4}, world);
  source.start(0, 0);
  for (int64_t step = 0; step < 3; ++step) {  // c10d would rebuild them after the first pass
    learner.take(source, {.step = step, .batches = 1, .samples = 4});
    EXPECT_EQ(learner.reducer().bucket_sizes(), laid_out) << "pass " << step;
  }
  if (world.size() > 1) {
    EXPECT_GE(laid_out.size(), 4U);
    EXPECT_GT(learner.reducer().waited_seconds(), 0);
  } else {
    EXPECT_EQ(learner.reducer().waited_seconds(), 0);
  }
}

TEST(ClipGradients, ScalesTheWholeToTheLimit) {
  auto const gradients =
      std::vector<at::Tensor>{at::full({3}, 2.0F), at::full({1}, 2.0F)};  // norm 4
  auto const norm = gradient_norm(gradients);
  EXPECT_NEAR(norm.item<double>(), 4, kRoundOff);
  clip_gradients(gradients, norm, 1);
  EXPECT_NEAR(gradient_norm(gradients).item<double>(), 1, 1e-5);
  clip_gradients(gradients, gradient_norm(gradients), 10);  // below the limit: untouched
  EXPECT_NEAR(gradient_norm(gradients).item<double>(), 1, 1e-5);
}

}  // namespace
}  // namespace eddyline
