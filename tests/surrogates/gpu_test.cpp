// On a GPU every network gives what it gives on the processor: forecast, gradients, frozen.
#include "tests/gpu.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/surrogates/split_comparison.hpp"

namespace eddyline {
namespace {

/// Sums of some thousand terms in another order; both together are float32's step, 1e-7.
constexpr Tolerance kSingle{.values = 1e-4, .gradients = 1e-4};
constexpr double kHalf = 0.05;  // of the largest value: products of 8 bits, layer upon layer

/// A network's sample, whole, on the processor and on the GPU.
class NetworkOnGpu : public SurrogateContract {
 protected:
  void SetUp() override {
    gpu_ = test_gpu();
    if (!gpu_) {
      GTEST_SKIP() << needs_gpu();
    }
  }
  SplitSample::Result run(at::Device device, at::ScalarType type, Context const& context) {
    model_->to(device, type);
    return SplitSample(*model_, spec_, {1, 1, 1}, batch_on(device, type)).run_whole(context);
  }
  Batch batch_on(at::Device device, at::ScalarType type) const {
    auto batch = make_batch(*model_, spec_, 2);
    batch.input = batch.input.to(type);
    batch.target = batch.target.to(type);
    return on_device(std::move(batch), device);
  }
  void compare(at::ScalarType type, Context const& context, Tolerance const& tolerance) {
    auto const expected = run(at::kCPU, type, context);
    auto result = run(*gpu_, type, context);
    result.prediction = result.prediction.cpu();
    result.input_gradient = result.input_gradient.cpu();
    for (auto& [name, gradient] : result.gradients) {
      gradient = gradient.cpu();
    }
    expect_same(result, expected, tolerance);
  }

  std::optional<at::Device> gpu_;
  std::shared_ptr<Surrogate> const model_ = make();
};

TEST_P(NetworkOnGpu, GivesForecastAndGradientsOfTheProcessor) {
  model_->eval();
  compare(at::kDouble, {}, kDouble);
  compare(at::kFloat, {}, kSingle);
  compare(at::kFloat, {.activations = Activations::recompute}, kSingle);
}

TEST_P(NetworkOnGpu, DrawsTheProcessorsDropout) {
  compare(at::kFloat, {.random = {.seed = 11, .step = 5}}, kSingle);
}

TEST_P(NetworkOnGpu, IsNearInHalfPrecisionAndFrozen) {
  model_->eval();
  at::NoGradGuard const no_grad;
  auto const expected = model_->predict(batch_on(at::kCPU, at::kFloat), {});
  model_->to(*gpu_);
  auto const batch = batch_on(*gpu_, at::kFloat);
  auto const half = model_->predict(batch, {.precision = Precision::bf16});
  EXPECT_LE(relative(half.cpu(), expected), kHalf);
  for (auto const precision : {Precision::fp32, Precision::bf16}) {
    if (auto const frozen = model_->freeze(precision)) {
      EXPECT_LE(relative(frozen->predict(batch).cpu(), expected),
                precision == Precision::fp32 ? kSingle.values : kHalf);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Registry,
                         NetworkOnGpu,
                         testing::ValuesIn(split_names()),
                         [](auto const& instance) { return instance.param; });

}  // namespace
}  // namespace eddyline
