#include "surrogates/climax/tokens.hpp"

#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/random.hpp"
#include "tests/numbers.hpp"

namespace eddyline {
namespace {

void fill(torch::nn::Module& module) {
  at::NoGradGuard const no_grad;
  module.to(at::kDouble);
  uint64_t seed = 1;
  for (auto const& parameter : module.parameters()) {
    parameter.copy_(doubles(parameter.sizes().vec(), seed++) * 0.3);
  }
}

ClimaxConfig small(TokenLayout layout = TokenLayout::serial) {
  return {.variables = {"a", "b", "c"}, .patch = {1, 2, 3}, .dim = 8, .heads = 2, .tokens = layout};
}

TEST(CutPatches, AreRowMajorAndEndWithOne) {
  auto const images = at::arange(24, at::kFloat).view({1, 1, 4, 6});
  auto const cells = cut_patches(images, {2, 3});
  EXPECT_EQ(cells.sizes().vec(), (std::vector<int64_t>{4, 1, 7}));
  EXPECT_TRUE(at::equal(cells[1][0], at::tensor({3, 4, 5, 9, 10, 11, 1}, at::kFloat)));
  EXPECT_TRUE(at::equal(cells[2][0], at::tensor({12, 13, 14, 18, 19, 20, 1}, at::kFloat)));
}

TEST(JoinPatches, HasTheVariableFastest) {
  // Cell (row 1, column 2) of variable 1 of the patch in row 0, column 1.
  auto tokens = at::zeros({1, 4, 2 * 3 * 2});
  tokens[0][1][(1 * 3 + 2) * 2 + 1] = 1;
  auto const images = join_patches(tokens, {2, 2}, {2, 3});
  EXPECT_EQ(images.sizes().vec(), (std::vector<int64_t>{1, 2, 4, 6}));
  EXPECT_EQ(images[0][1][1][5].item<float>(), 1);
  EXPECT_EQ(images.sum().item<float>(), 1);
}

TEST(JoinPatches, UndoesCutPatchesOfOneVariable) {
  auto const images = doubles({2, 1, 4, 6}, 1);
  auto const cells = cut_patches(images, {2, 3}).narrow(2, 0, 6).view({2, 4, 6});
  EXPECT_TRUE(at::equal(join_patches(cells, {2, 2}, {2, 3}), images));
}

TEST(TokenEmbedding, HasTheKeysOfItsLayout) {
  TokenEmbedding const serial(small());
  EXPECT_EQ(serial.named_parameters().keys()[2], "1.proj.weight");
  EXPECT_EQ(serial.named_parameters()["2.proj.bias"].sizes().vec(), (std::vector<int64_t>{8}));
  TokenEmbedding const parallel(small(TokenLayout::parallel));
  EXPECT_EQ(parallel.named_parameters().keys(),
            (std::vector<std::string>{"proj_weights", "proj_biases"}));
  EXPECT_EQ(parallel.named_parameters()["proj_weights"].sizes().vec(),
            (std::vector<int64_t>{3, 8, 1, 2, 3}));
}

TEST(TokenEmbedding, BothLayoutsBeginEqual) {
  TokenEmbedding serial(small()), parallel(small(TokenLayout::parallel));
  serial.initialise(0.02, {.seed = 3});
  parallel.initialise(0.02, {.seed = 3});
  auto const names = at::zeros({1, 3, 8});
  EXPECT_TRUE(at::equal(serial.maps({2, 0}, names), parallel.maps({2, 0}, names)));
}

TEST(TokenEmbedding, UnusedVariablesHaveNoGradientInSerialAndZerosInParallel) {
  auto const names = at::zeros({1, 3, 8}, at::kDouble);
  TokenEmbedding serial(small()), parallel(small(TokenLayout::parallel));
  fill(serial);
  fill(parallel);
  serial.maps({0, 2}, names).sum().backward();
  parallel.maps({0, 2}, names).sum().backward();
  EXPECT_TRUE(serial.named_parameters()["0.proj.weight"].grad().defined());
  EXPECT_FALSE(serial.named_parameters()["1.proj.weight"].grad().defined());
  auto const gradient = parallel.named_parameters()["proj_biases"].grad();
  EXPECT_EQ(gradient[1].abs().max().item<double>(), 0);
  EXPECT_EQ(gradient[2].min().item<double>(), 1);
}

/// Against the attention as it is written down: tokens, keys and values of every variable.
TEST(AggregateVariables, EqualsTheAttentionOverTokens) {
  constexpr double kRoundOff = 1e-12;
  auto const config = small();
  TokenEmbedding tokens(config);
  PackedAttention attention(config.dim);
  fill(tokens);
  fill(attention);
  auto const names = doubles({1, 3, 8}, 20), query = doubles({1, 1, 8}, 21);
  auto const images = doubles({2, 2, 4, 6}, 22);
  std::vector<int64_t> const variables = {2, 0};
  auto const cells = cut_patches(images, {2, 3});
  auto const pooled = aggregate_variables(
      {attention, query, config.heads}, tokens.maps(variables, names), cells, {});

  auto const parameters = tokens.named_parameters();
  std::vector<at::Tensor> embedded;
  for (int64_t k = 0; k < 2; ++k) {
    auto const name = std::to_string(variables[static_cast<size_t>(k)]);
    auto const token = at::conv2d(images.narrow(1, k, 1),
                                  parameters[name + ".proj.weight"],
                                  parameters[name + ".proj.bias"],
                                  {2, 3});
    embedded.push_back(token.flatten(2).transpose(1, 2).flatten(0, 1) +
                       names[0][variables[static_cast<size_t>(k)]]);
  }
  auto const e = at::stack(embedded, 1);  // (N, Vi, D)
  auto const weights = attention.in_proj_weight.chunk(3);
  auto const biases = attention.in_proj_bias.chunk(3);
  auto const split = [&](at::Tensor const& x) {
    return x.view({x.size(0), -1, 2, 4}).transpose(1, 2);
  };
  auto const q = split(at::linear(query, weights[0], biases[0]));
  auto const k = split(at::linear(e, weights[1], biases[1]));
  auto const v = split(at::linear(e, weights[2], biases[2]));
  auto const share = at::softmax(at::matmul(q, k.transpose(-2, -1)) / std::sqrt(4.0), -1);
  auto const expected = at::linear(at::matmul(share, v).transpose(1, 2).reshape({-1, 8}),
                                   attention.out_proj->weight,
                                   attention.out_proj->bias);
  EXPECT_TRUE(at::allclose(pooled, expected, 0, kRoundOff));
}

TEST(AggregateVariables, DoesNotKnowTheOrderOfVariables) {
  auto const config = small();
  TokenEmbedding tokens(config);
  PackedAttention attention(config.dim);
  fill(tokens);
  fill(attention);
  auto const names = doubles({1, 3, 8}, 20), query = doubles({1, 1, 8}, 21);
  auto const images = doubles({1, 3, 4, 6}, 22);
  auto const pool = [&](std::vector<int64_t> const& order) {
    auto const chosen = images.index_select(1, at::tensor(order, at::kLong));
    return aggregate_variables({attention, query, config.heads},
                               tokens.maps(order, names),
                               cut_patches(chosen, {2, 3}),
                               {});
  };
  EXPECT_TRUE(at::allclose(pool({0, 1, 2}), pool({2, 0, 1}), 0, 1e-12));
}

}  // namespace
}  // namespace eddyline
