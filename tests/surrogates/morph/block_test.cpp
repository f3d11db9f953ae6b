#include "surrogates/morph/block.hpp"

#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace eddyline {
namespace {

MorphConfig small(double dropout = 0) {
  return {.dim = 12, .heads = 3, .depth = 1, .mlp_dim = 20, .heads_xa = 4, .dropout = dropout};
}

template <class Module>
void randomise(Module const& module) {
  at::NoGradGuard const no_grad;
  at::manual_seed(1);
  for (auto const& parameter : module.parameters()) {
    parameter.copy_(at::randn(parameter.sizes()) * 0.4);
  }
}

/// softmax(q kᵀ/√d) v for one line of tokens (L, E), head by head.
at::Tensor attention_of_a_line(AxisAttention const& attention, at::Tensor const& line) {
  auto const q = attention.q->forward(line, {}), k = attention.k->forward(line, {}),
             v = attention.v->forward(line, {});
  std::vector<at::Tensor> heads;
  for (int64_t h = 0; h < 3; ++h) {
    auto const part = [&](at::Tensor const& x) { return x.narrow(1, 4 * h, 4); };
    heads.push_back(at::matmul(at::softmax(at::matmul(part(q), part(k).t()) / 2.0, 1), part(v)));
  }
  return attention.o->forward(at::cat(heads, 1), {});
}

TEST(AxisAttention, MixesAlongItsAxisOnly) {
  at::NoGradGuard const no_grad;
  auto const u = at::randn({2, 3, 4, 2, 5, 12});
  for (int64_t axis = 1; axis < 5; ++axis) {
    AxisAttention const attention(small(), axis, 64);
    randomise(attention);
    auto const lines = u.movedim(axis, 4).contiguous();  // (…, L, E)
    auto const got = attention.forward(u, {}).movedim(axis, 4);
    for (int64_t i : {0, 1}) {
      auto const line = lines[i][1][1][0];
      EXPECT_TRUE(at::allclose(got[i][1][1][0], attention_of_a_line(attention, line), 1e-5, 1e-5))
          << "axis " << axis;
    }
  }
}

TEST(AxisAttention, IsTheMapOfItsValuesOnAnAxisOfLengthOne) {
  AxisAttention const attention(small(), 2, 64);
  randomise(attention);
  auto const u = at::randn({1, 1, 1, 2, 2, 12});
  auto const y = attention.forward(u, {});
  EXPECT_TRUE(at::equal(y, attention.o->forward(attention.v->forward(u, {}), {})));
  y.sum().backward();
  EXPECT_FALSE(attention.q->base->weight.grad().defined());
  EXPECT_TRUE(attention.v->base->weight.grad().defined());
}

TEST(AxisAttention, DroppedProbabilitiesChangeNothingOnAverage) {
  at::NoGradGuard const no_grad;
  AxisAttention const attention(small(0.2), 4, 64);
  randomise(attention);
  auto const u = at::randn({1, 1, 1, 1, 6, 12});
  auto const exact = attention.forward(u, {});
  auto mean = at::zeros_like(exact);
  constexpr int kSteps = 4000;
  for (uint64_t step = 0; step < kSteps; ++step) {
    mean += attention.forward(u, {.training = true, .random = {.step = step}, .samples = {0}});
  }
  // One draw varies by about one; the mean of 4000 by 0.016.
  EXPECT_LE((mean / kSteps - exact).abs().max().item<double>(), 0.1);
}

TEST(AxialAttention, GivesItsInputOnceMore) {
  at::NoGradGuard const no_grad;
  AxialAttention const attention(small(), 64);  // weights are zero
  auto const u = at::randn({1, 2, 1, 2, 2, 12});
  EXPECT_TRUE(at::equal(attention.forward(u, {}), u));
}

}  // namespace
}  // namespace eddyline
