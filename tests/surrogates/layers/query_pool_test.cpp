#include "surrogates/layers/query_pool.hpp"

#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/random.hpp"
#include "tests/numbers.hpp"

namespace eddyline {
namespace {

/// Against the attention with its keys written out.
TEST(QueryPool, EqualsTheAttentionOfItsQuery) {
  constexpr int64_t kDim = 8, kHeads = 2;
  PackedAttention const attention(kDim);
  at::NoGradGuard const no_grad;
  uint64_t seed = 1;
  for (auto const& parameter : attention.parameters()) {
    parameter.copy_(numbers(parameter.sizes().vec(), seed++));
  }
  auto const query = numbers({1, 1, kDim}, 8), tokens = numbers({3, 5, kDim}, 9);
  auto const weights = attention.in_proj_weight.chunk(3);
  auto const biases = attention.in_proj_bias.chunk(3);
  auto const project = [&](at::Tensor const& x, size_t i) {
    return at::linear(x, weights[i], biases[i])
        .view({x.size(0), x.size(1), kHeads, kDim / kHeads})
        .transpose(1, 2);
  };
  auto const scores = at::matmul(project(query, 0), project(tokens, 1).transpose(-2, -1)) /
                      std::sqrt(static_cast<double>(kDim / kHeads));
  auto const mixed = at::matmul(at::softmax(scores, -1), project(tokens, 2));
  auto const expected = at::linear(mixed.transpose(1, 2).reshape({3, kDim}),
                                   attention.out_proj->weight,
                                   attention.out_proj->bias);
  EXPECT_TRUE(
      at::allclose(QueryPool{attention, query, kHeads}.pool(tokens, 1, {}), expected, 1e-4, 1e-4));
}

}  // namespace
}  // namespace eddyline
