#include "surrogates/gphyt/frozen_block.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace eddyline {
namespace {

constexpr int64_t kDim = 12, kTimes = 3;
constexpr double kRoundOff = 1e-5;

GphytConfig small(GphytAttentionMode mode, GphytPositions positions) {
  return {.hidden_dim = kDim,
          .mlp_dim = 20,
          .num_heads = 3,
          .num_layers = 1,
          .positions = positions,
          .attention = mode};
}

void randomise(GphytBlock const& block) {
  at::NoGradGuard const no_grad;
  at::manual_seed(1);
  for (auto const& parameter : block.parameters()) {
    parameter.copy_(at::randn(parameter.sizes()) * 0.4);
  }
}

TEST(FrozenGphytBlock, EqualsItsBlockForAllAndForTheNewestTimes) {
  at::NoGradGuard const no_grad;
  for (auto const& [mode, name] : EnumNames<GphytAttentionMode>::names) {
    for (auto const positions : {GphytPositions::absolute, GphytPositions::rope}) {
      auto const config = small(mode, positions);
      GphytBlock const block(config, 0);
      randomise(block);
      FrozenGphytBlock const frozen(block, config, FrozenRows::newest, Precision::fp32);
      auto const h = at::randn({2, kTimes, 6, kDim});
      auto const turn = positions == GphytPositions::rope
                            ? rotation({kTimes, 2, 3}, kDim, h.options())
                            : GphytRotation{};
      for (int64_t rows = 1; rows <= kTimes; ++rows) {
        auto const expected = block.forward(h, rows, turn, {});
        auto const got = frozen.forward(h, rows, turn);
        ASSERT_EQ(got.sizes(), expected.sizes());
        EXPECT_LE((got - expected).abs().max().item<double>(),
                  kRoundOff * expected.abs().max().item<double>())
            << name << ", " << rows << " times";
      }
    }
  }
}

}  // namespace
}  // namespace eddyline
