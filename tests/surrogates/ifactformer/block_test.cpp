#include "surrogates/ifactformer/block.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace eddyline {
namespace {

IFactFormerConfig small(IFactVariant variant = IFactVariant::m) {
  return {.variant = variant, .dim = 8, .heads = 2, .dim_head = 4};
}

template <class Module>
void randomise(Module const& module) {
  at::NoGradGuard const no_grad;
  at::manual_seed(1);
  for (auto const& parameter : module.parameters()) {
    parameter.copy_(at::randn(parameter.sizes()) * 0.4);
  }
}

AxisCoordinates places() {
  return {at::arange(3, at::kFloat) * 0.01,
          at::arange(4, at::kFloat) * 0.02,
          at::arange(5, at::kFloat) * 0.03};
}

TEST(AxisMeans, AreOverTheTwoOtherAxes) {
  at::manual_seed(1);
  auto const u = at::randn({2, 3, 4, 5, 6}, at::kDouble).requires_grad_();
  auto const [x, y, z] = axis_means(u);
  EXPECT_TRUE(at::allclose(x, u.mean({2, 3})));
  EXPECT_TRUE(at::allclose(y, u.mean({1, 3})));
  EXPECT_TRUE(at::allclose(z, u.mean({1, 2})));
}

TEST(AxisPool, OfMeansIsTheMeanOfItsFirstLayer) {
  at::NoGradGuard const no_grad;
  AxisPool const pool(8);
  randomise(pool);
  at::manual_seed(2);
  auto const u = at::randn({2, 3, 4, 5, 8}), before = at::randn({8, 8});
  // as the reference: both layers on the whole field, then the mean over y and z
  auto const whole = at::linear(at::linear(u, before), pool.to_in->weight).mean({2, 3});
  auto const expected = pool.forward(whole, at::eye(8));
  auto const got = pool.forward(axis_means(u)[0], at::mm(pool.to_in->weight, before));
  EXPECT_TRUE(at::allclose(got, expected, 1e-4, 1e-5)) << (got - expected).abs().max();
}

TEST(AxisPool, GatesItsSecondHalfByTheFirst) {
  at::NoGradGuard const no_grad;
  AxisPool const pool(2);
  auto const items = pool.named_parameters();
  items["out_ffn.norm.weight"].fill_(0);
  items["out_ffn.norm.bias"].copy_(at::tensor({1.0F, 2.0F}));
  items["out_ffn.fn.net.0.weight"].copy_(at::eye(2).repeat({2, 1}) + at::ones({4, 2}));
  items["out_ffn.fn.net.0.bias"].copy_(at::tensor({0.0F, 0.0F, 1.0F, 1.0F}));
  items["out_ffn.fn.net.3.weight"].copy_(at::eye(2));
  items["out_ffn.fn.net.3.bias"].copy_(at::tensor({0.5F, 0.0F}));
  // norm gives (1, 2); halves (4, 5) and (5, 6)
  auto const expected =
      at::gelu(at::tensor({4.0F, 5.0F})) * at::tensor({5.0F, 6.0F}) + at::tensor({0.5F, 0.0F});
  auto const got = pool.forward(at::zeros({1, 1, 2}), at::eye(2)).flatten();
  EXPECT_TRUE(at::allclose(got, expected)) << got;
}

TEST(LowRankKernel, IsTheProductOfTurnedQueriesAndKeys) {
  at::NoGradGuard const no_grad;
  LowRankKernel const kernel(small());
  randomise(kernel);
  auto const tokens = at::randn({2, 4, 8});
  auto const turn = rotation(places()[1], kernel.inv_freq);
  auto const got = kernel.forward(tokens, turn);
  ASSERT_EQ(got.sizes().vec(), (std::vector<int64_t>{2, 2, 4, 4}));
  auto const row = [&](IFactMap const& map, int64_t i) {  // of the second head, sample 1
    auto const all = at::linear(tokens[1], map.weight).narrow(1, 12, 12);
    return turn.apply(all)[i];
  };
  auto const expected = row(*kernel.to_q, 3).dot(row(*kernel.to_k, 1)).item<double>();
  EXPECT_NEAR(got[1][1][3][1].item<double>(), expected, 1e-4);
}

TEST(LowRankKernel, HasFrequenciesOfTenThousand) {
  LowRankKernel const kernel(small());
  EXPECT_EQ(kernel.named_buffers().keys(), std::vector<std::string>{"pos_emb.inv_freq"});
  ASSERT_EQ(kernel.inv_freq.size(0), 6);
  EXPECT_EQ(kernel.inv_freq[0].item<double>(), 1);
  EXPECT_NEAR(kernel.inv_freq[5].item<double>(), std::pow(10000.0, -10.0 / 12), 1e-9);
}

TEST(IFactBlock, WithoutKernelsAddsNothing) {
  at::NoGradGuard const no_grad;
  for (auto const variant : {IFactVariant::m, IFactVariant::o}) {
    IFactBlock const block(small(variant));
    randomise(block);
    for (auto const& item : block.named_parameters()) {
      if (item.key().ends_with("to_q.weight")) {
        item.value().zero_();
      }
    }
    auto const u = at::randn({2, 60, 8});
    std::array<at::Tensor, 3> kernels;
    auto const out = block.forward(u, block.plan(places()), {}, &kernels);
    EXPECT_TRUE(at::equal(out, at::zeros_like(out)));
    EXPECT_EQ(kernels[2].sizes().vec(), (std::vector<int64_t>{2, 2, 5, 5}));
  }
}

TEST(IFactBlock, HasOneColumnAnAxisOnlyWhereAxesActSideBySide) {
  auto const columns = [](IFactVariant variant) {
    return IFactBlock(small(variant)).named_parameters()["to_out.2.weight"].size(1);
  };
  EXPECT_EQ(columns(IFactVariant::m), 24);
  EXPECT_EQ(columns(IFactVariant::o), 8);
}

}  // namespace
}  // namespace eddyline
