#include "surrogates/layers/query_pool.hpp"

#include <cmath>

#include <ATen/ATen.h>

namespace eddyline {

at::Tensor QueryPool::projected_query() const {
  auto const dim = attention.in_proj_weight.size(1);
  auto const weight = attention.in_proj_weight.chunk(3)[0];
  auto const bias = attention.in_proj_bias.chunk(3)[0];
  auto const projected = at::linear(query.view({1, dim}), weight, bias);
  return projected.view({heads, 1, dim / heads}) / std::sqrt(static_cast<double>(dim / heads));
}

at::Tensor QueryPool::key_map(at::Tensor const& projected_query) const {
  auto const weight = attention.in_proj_weight.chunk(3)[1];
  return at::bmm(projected_query, weight.view({heads, projected_query.size(2), -1})).squeeze(1);
}

at::Tensor QueryPool::pool(at::Tensor const& tokens, int64_t axis, Pass const& pass) const {
  auto const weights = attention.in_proj_weight.chunk(3);
  auto const biases = attention.in_proj_bias.chunk(3);
  auto const head = tokens.size(-1) / heads;
  auto const projected = projected_query();
  auto const key_bias = at::bmm(projected, biases[1].view({heads, head, 1})).flatten();
  auto const scores = apply_linear(tokens, key_map(projected), key_bias, pass.precision);
  auto const share = at::softmax(scores, axis).unsqueeze(-1);  // (…, heads, 1)
  auto const values =
      apply_linear(tokens, weights[2], biases[2], pass.precision).unflatten(-1, {heads, head});
  return attention.out_proj->forward((share * values).sum(axis).flatten(-2), pass);
}

}  // namespace eddyline
