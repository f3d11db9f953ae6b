// An optimiser step of every network of the registry is the same on any number of ranks.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/surrogates/contract.hpp"
#include "workflows/training/learning_step.hpp"

namespace eddyline {
namespace {

constexpr int64_t kSamples = 4;  // shared evenly by 1, 2 and 4 ranks

/// One batch, of which each rank gets its share.
class OneBatch final : public BatchSource {
 public:
  OneBatch(Batch whole, Communicator const& ranks) : whole_(std::move(whole)), ranks_(ranks) {}

  int64_t batches() const override { return 1; }
  int64_t samples(int64_t) const override { return kSamples; }
  void start(int64_t, int64_t) override {}
  std::optional<Batch> next() override {
    auto const share = kSamples / ranks_.size();
    return rows_of(whole_, share * ranks_.rank(), share);
  }
  BatchSpec const& spec() const override { return spec_; }
  double wait_seconds() const override { return 0; }

 private:
  Batch whole_;
  Communicator const& ranks_;
  BatchSpec spec_;
};

class StepContract : public SurrogateContract {
 protected:
  struct Step {
    double loss, norm;
    std::map<std::string, at::Tensor> gradients;
  };
  Step take(Communicator const& ranks) const {
    auto const network = make();
    OneBatch source(make_batch(*network, spec_, kSamples), ranks);
    TrainConfig config;
    config.bucket_megabytes = 1e-3;  // several buckets
    LearningStep learner(network, {}, Loss({}, spec_.grid, at::kCPU), config, ranks);
    auto const result = learner.take(source, {.step = 3, .samples = kSamples});
    Step step{.loss = ranks.all_reduce(result.loss.item<double>()),
              .norm = result.gradient_norm.item<double>()};
    for (auto const& item : network->named_parameters()) {
      step.gradients[item.key()] = item.value().grad();
    }
    return step;
  }
};

TEST_P(StepContract, LossAndGradientsDoNotDependOnTheRanks) {
  auto const alone = take(Communicator::self()), shared = take(Communicator::world());
  EXPECT_NEAR(shared.loss, alone.loss, kRoundOff * std::abs(alone.loss));
  EXPECT_NEAR(shared.norm, alone.norm, kRoundOff * alone.norm);
  for (auto const& [name, gradient] : alone.gradients) {
    ASSERT_EQ(gradient.defined(), shared.gradients.at(name).defined()) << name;
    if (gradient.defined()) {
      // Of the whole gradient: single ones may be zero but for round-off.
      EXPECT_LE(distance(shared.gradients.at(name), gradient), kRoundOff * alone.norm) << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Registry,
                         StepContract,
                         testing::ValuesIn(surrogate_names()),
                         [](auto const& instance) { return instance.param; });

}  // namespace
}  // namespace eddyline
