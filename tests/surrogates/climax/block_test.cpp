#include "surrogates/climax/block.hpp"

#include <cmath>
#include <numeric>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/random.hpp"
#include "tests/numbers.hpp"

namespace eddyline {
namespace {

void fill(torch::nn::Module& module) {
  at::NoGradGuard const no_grad;
  uint64_t seed = 1;
  for (auto const& parameter : module.parameters()) {
    parameter.copy_(numbers(parameter.sizes().vec(), seed++) * 0.3);
  }
}

ClimaxConfig small() {
  return {.dim = 8, .depth = 3, .heads = 2, .mlp_ratio = 2.5, .dropout = 0.2, .drop_path = 0.4};
}

Pass training(std::vector<int64_t> samples) {
  return {.training = true, .random = {.seed = 1, .step = 3}, .samples = std::move(samples)};
}

/// By hand, one head at a time.
TEST(ClimaxAttention, IsTheSoftmaxOfScaledScores) {
  ClimaxAttention attention(8, 2);
  fill(attention);
  at::NoGradGuard const no_grad;
  auto const x = numbers({2, 5, 8}, 9);
  auto const packed = at::linear(x, attention.qkv->weight, attention.qkv->bias);
  std::vector<at::Tensor> heads;
  for (int64_t h = 0; h < 2; ++h) {
    auto const part = [&](int64_t i) { return packed.narrow(2, i * 8 + h * 4, 4); };
    auto const scores = at::matmul(part(0), part(1).transpose(1, 2)) / std::sqrt(4.0);
    heads.push_back(at::matmul(at::softmax(scores, -1), part(2)));
  }
  auto const expected = at::linear(at::cat(heads, 2), attention.proj->weight, attention.proj->bias);
  EXPECT_TRUE(at::allclose(attention.forward(x, {}), expected, 1e-5, 1e-5));
}

TEST(ClimaxBlock, HasTheKeysAndWidthsOfUpstreams) {
  ClimaxBlock const block(small(), 0);
  EXPECT_EQ(block.named_parameters().keys(),
            (std::vector<std::string>{"norm1.weight",
                                      "norm1.bias",
                                      "attn.qkv.weight",
                                      "attn.qkv.bias",
                                      "attn.proj.weight",
                                      "attn.proj.bias",
                                      "norm2.weight",
                                      "norm2.bias",
                                      "mlp.fc1.weight",
                                      "mlp.fc1.bias",
                                      "mlp.fc2.weight",
                                      "mlp.fc2.bias"}));
  EXPECT_EQ(block.named_parameters()["mlp.fc1.weight"].sizes().vec(),
            (std::vector<int64_t>{20, 8}));
}

TEST(ClimaxBlock, AddsTwoBranches) {
  ClimaxBlock block(small(), 2);
  fill(block);
  at::NoGradGuard const no_grad;
  auto const x = numbers({2, 5, 8}, 9);
  auto const mixed = x + block.attn->forward(block.norm1->forward(x), {});
  auto const hidden = at::gelu(block.mlp->fc1->forward(block.norm2->forward(mixed), {}), "none");
  EXPECT_TRUE(
      at::allclose(block.forward(x, {}), mixed + block.mlp->fc2->forward(hidden, {}), 1e-5, 1e-5));
}

TEST(DropRows, ZeroesWholeSamplesAndScalesTheRest) {
  std::vector<int64_t> samples(4000);
  std::iota(samples.begin(), samples.end(), 0);
  auto const y = drop_rows(at::ones({4000, 2, 3}), 0.25, 7, training(samples));
  EXPECT_TRUE(at::equal(y, y.narrow(1, 0, 1).narrow(2, 0, 1).expand_as(y)));
  EXPECT_NEAR((y == 0).to(at::kDouble).mean().item<double>(), 0.25, 0.03);  // 4 deviations
  EXPECT_FLOAT_EQ(y.max().item<float>(), 1 / 0.75F);
  EXPECT_TRUE(drop_rows(y, 0.25, 7, {.samples = samples}).is_same(y));
}

TEST(ClimaxBlock, DropPathRisesFromTheFirstBlockToTheLast) {
  auto config = small();
  config.dropout = 0;
  auto const x = numbers({1, 5, 8}, 9);
  std::vector<int> skipped;
  for (int64_t index = 0; index < 3; ++index) {
    ClimaxBlock block(config, index);
    fill(block);
    at::NoGradGuard const no_grad;
    int count = 0;
    for (int64_t sample = 0; sample < 400; ++sample) {
      count += at::equal(block.forward(x, training({sample})), x) ? 1 : 0;
    }
    skipped.push_back(count);
  }
  EXPECT_EQ(skipped[0], 0);
  EXPECT_NEAR(skipped[1], 400 * 0.2 * 0.2, 20);  // both branches; deviation 4
  EXPECT_NEAR(skipped[2], 400 * 0.4 * 0.4, 30);  // deviation 7
}

}  // namespace
}  // namespace eddyline
