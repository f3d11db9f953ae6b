#include "surrogates/ifactformer/mix.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace eddyline {
namespace {

constexpr int64_t kHeads = 2, kWidth = 4, kDim = 6, kOut = 5;
constexpr std::array<int64_t, 3> kCells = {3, 5, 4};

AxisMix random_mix(int64_t batch, IFactVariant variant, at::ScalarType type) {
  at::manual_seed(3);
  auto const columns = kHeads * kWidth * (variant == IFactVariant::m ? 3 : 1);
  auto const draw = [&](std::vector<int64_t> const& shape) {
    return at::randn(shape, type).requires_grad_();
  };
  AxisMix mix{.rows = {draw({batch, kCells[0] * kCells[1] * kCells[2], kDim})},
              .values = draw({kHeads * kWidth, kDim}),
              .kernels = {},
              .output = draw({kOut, columns})};
  for (size_t a = 0; a < 3; ++a) {
    mix.kernels[a] = draw({batch, kHeads, kCells[a], kCells[a]});
  }
  return mix;
}

at::Tensor mixed(AxisMix const& mix, IFactVariant variant, Precision precision) {
  return mix_axes(mix, MixLayouts(variant, kCells, nullptr), precision);
}

/// The same, operation by operation on whole tensors.
at::Tensor literal_mix(AxisMix const& mix, IFactVariant variant) {
  auto const v = at::linear(mix.rows[0], mix.values)
                     .view({-1, kCells[0], kCells[1], kCells[2], kHeads, kWidth});
  auto const along_x = [&](at::Tensor const& t) {
    return at::einsum("bhij,bjyzhe->biyzhe", {mix.kernels[0], t});
  };
  auto const along_y = [&](at::Tensor const& t) {
    return at::einsum("bhij,bxjzhe->bxizhe", {mix.kernels[1], t});
  };
  auto const along_z = [&](at::Tensor const& t) {
    return at::einsum("bhij,bxyjhe->bxyihe", {mix.kernels[2], t});
  };
  auto const y = variant == IFactVariant::m
                     ? at::stack({along_x(v), along_y(v), along_z(v)}, -2)  // (…, h, axis, e)
                     : along_z(along_y(along_x(v)));
  auto const columns = y.flatten(4).flatten(1, 3).transpose(1, 2);  // (B, c, N)
  auto const normed = at::instance_norm(columns, {}, {}, {}, {}, true, 0.1, 1e-5, false);
  return at::linear(normed.transpose(1, 2), mix.output);
}

std::vector<at::Tensor> parts(AxisMix const& mix) {
  return {mix.rows[0], mix.values, mix.kernels[0], mix.kernels[1], mix.kernels[2], mix.output};
}

std::vector<at::Tensor> gradients(AxisMix const& mix, at::Tensor const& out) {
  at::manual_seed(4);
  (out * at::randn(out.sizes(), out.options())).sum().backward();
  std::vector<at::Tensor> result;
  for (auto const& part : parts(mix)) {
    result.push_back(part.grad().clone());
    part.mutable_grad().reset();
  }
  return result;
}

class MixAxes : public testing::TestWithParam<IFactVariant> {};

TEST_P(MixAxes, IsTheNetworksOperationsOneByOne) {
  for (int64_t const batch : {1, 3}) {
    auto const mix = random_mix(batch, GetParam(), at::kDouble);
    auto const expected = literal_mix(mix, GetParam());
    auto const got = mixed(mix, GetParam(), Precision::fp32);
    EXPECT_TRUE(at::allclose(got, expected, 1e-12, 1e-12)) << "batch " << batch;
    at::NoGradGuard const no_grad;
    EXPECT_TRUE(at::equal(mixed(mix, GetParam(), Precision::fp32), got));
  }
}

TEST_P(MixAxes, HasTheirGradients) {
  for (int64_t const batch : {1, 3}) {
    auto const mix = random_mix(batch, GetParam(), at::kDouble);
    auto const expected = gradients(mix, literal_mix(mix, GetParam()));
    auto const got = gradients(mix, mixed(mix, GetParam(), Precision::fp32));
    for (size_t i = 0; i < got.size(); ++i) {
      auto const scale = expected[i].abs().max().item<double>();
      EXPECT_LE((got[i] - expected[i]).abs().max().item<double>(), 1e-11 * scale)
          << "part " << i << ", batch " << batch;
    }
  }
}

TEST_P(MixAxes, InBfloat16IsNear) {
  auto const mix = random_mix(2, GetParam(), at::kFloat);
  auto const exact = mixed(mix, GetParam(), Precision::fp32);
  auto const of_exact = gradients(mix, exact);
  auto const rough = mixed(mix, GetParam(), Precision::bf16);
  EXPECT_EQ(rough.scalar_type(), at::kFloat);
  auto const error = (rough - exact).norm() / exact.norm();
  EXPECT_GT(error.item<double>(), 0);
  EXPECT_LE(error.item<double>(), 0.02);  // 8 bits of mantissa, a few roundings in a row
  auto const of_rough = gradients(mix, rough);
  for (size_t i = 0; i < of_rough.size(); ++i) {
    EXPECT_EQ(of_rough[i].scalar_type(), at::kFloat);
    EXPECT_LE(((of_rough[i] - of_exact[i]).norm() / of_exact[i].norm()).item<double>(), 0.05) << i;
  }
}

TEST_P(MixAxes, LeavesSamplesApart) {
  at::NoGradGuard const no_grad;
  auto const mix = random_mix(3, GetParam(), at::kDouble);
  auto const whole = mixed(mix, GetParam(), Precision::fp32);
  auto one = mix;
  one.rows = {mix.rows[0].narrow(0, 1, 1)};
  for (auto& kernel : one.kernels) {
    kernel = kernel.narrow(0, 1, 1);
  }
  EXPECT_TRUE(at::allclose(mixed(one, GetParam(), Precision::fp32), whole.narrow(0, 1, 1)));
}

TEST_P(MixAxes, OfConstantColumnsIsZero) {
  at::NoGradGuard const no_grad;
  auto mix = random_mix(1, GetParam(), at::kDouble);
  for (auto& kernel : mix.kernels) {
    kernel = at::zeros_like(kernel);
  }
  auto const out = mixed(mix, GetParam(), Precision::fp32);
  EXPECT_TRUE(at::equal(out, at::zeros_like(out)));
}

INSTANTIATE_TEST_SUITE_P(Variants,
                         MixAxes,
                         testing::Values(IFactVariant::m, IFactVariant::o),
                         [](auto const& instance) { return enum_name(instance.param); });

}  // namespace
}  // namespace eddyline
