#include "workflows/training/validation.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/workflows/training/tiny.hpp"

namespace eddyline {
namespace {

/// Sums of doubles over samples in another order.
constexpr double kRoundOff = 1e-6;

/// The map that made the data, or the identity.
class Exact final : public Surrogate {
 public:
  explicit Exact(double turn) : turn_(turn) { register_parameter("unused", at::ones({1})); }
  at::Tensor predict(Batch const& batch, Context const&) override {
    auto const x = batch.input.select(2, 0);
    auto const y = batch.input.select(2, 1);
    return turn_ == 0 ? batch.input : at::stack({x * 0.8 - y * 0.5, x * 0.5 + y * 0.8}, 2);
  }
  std::string config() const override { return ""; }
  int64_t history() const override { return 1; }
  std::array<int64_t, 3> patch() const override { return {1, 1, 1}; }

 private:
  double turn_;
};

ValidationResult score(std::shared_ptr<Surrogate> network,
                       Communicator const& ranks,
                       int64_t steps = 1) {
  auto config = tiny::config();
  config.unroll.steps = steps;
  LearningStep learner(std::move(network), {}, Loss({}, tiny::grid(), at::kCPU), config, ranks);
  tiny::Source source({.samples = 7, .batch = 3, .horizon = steps}, ranks);
  return validate(learner, source, 0, ranks);
}

TEST(Validation, FindsNoErrorInAnExactNetwork) {
  auto const result = score(std::make_shared<Exact>(1), Communicator::world(), 3);
  EXPECT_LT(result.loss, 1e-12);
  EXPECT_LT(result.model_mean, 1e-6);
  EXPECT_EQ(result.channels, (std::vector<std::string>{"a", "b"}));
}

TEST(Validation, GivesPersistenceWhatAnIdentityGets) {
  auto const result = score(std::make_shared<Exact>(0), Communicator::world());
  ASSERT_EQ(result.persistence.size(), 2U);
  EXPECT_GT(result.persistence[0], 0.3);
  EXPECT_NEAR(result.persistence[0], result.model[0], kRoundOff);
  EXPECT_NEAR(result.persistence_mean, result.model_mean, kRoundOff);
}

TEST(Validation, IsTheSameOnAnyNumberOfRanks) {
  auto const ours = score(std::make_shared<tiny::Network>(), Communicator::world());
  auto const expected = score(std::make_shared<tiny::Network>(), Communicator::self());
  EXPECT_NEAR(ours.loss, expected.loss, kRoundOff);
  EXPECT_NEAR(ours.model[1], expected.model[1], kRoundOff);
}

}  // namespace
}  // namespace eddyline
