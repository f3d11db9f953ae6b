#include "surrogates/morph/frozen_block.hpp"

#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace eddyline {
namespace {

constexpr double kRoundOff = 5e-6;  // of the largest value: float32 sums, layer upon layer

MorphConfig config() {
  return checked({.dim = 32,
                  .heads = 2,
                  .depth = 1,
                  .mlp_dim = 48,
                  .heads_xa = 4,
                  .history = 3,
                  .lora = {.attention_rank = 2, .mlp_rank = 3}});
}

std::shared_ptr<MorphBlock> block() {
  auto const made = std::make_shared<MorphBlock>(config(), 0);
  at::manual_seed(1);
  at::NoGradGuard const no_grad;
  for (auto& parameter : made->parameters()) {
    parameter.copy_(at::randn(parameter.sizes()) * 0.3);
  }
  return made;
}

BlockFold fold_of(at::Tensor const& x, FramesKept kept) {
  return {.live = {x.size(2) > 1, x.size(3) > 1, x.size(4) > 1},
          .has_past = x.size(1) > 1,
          .kept = kept};
}

double distance(std::vector<int64_t> const& shape, FramesKept kept) {
  auto const plain = block();
  at::NoGradGuard const no_grad;
  auto const x = at::randn(shape);
  auto expected = plain->forward(x, plain->attention(x, {}), {});
  if (kept == FramesKept::newest) {
    expected = expected.narrow(1, shape[1] - 1, 1);
  }
  auto const made = FrozenMorphBlock(plain, 2, fold_of(x, kept)).forward(x);
  EXPECT_EQ(made.sizes(), expected.sizes());
  return ((made - expected).abs().max() / expected.abs().max()).item<double>();
}

TEST(FrozenMorphBlock, EqualsItsBlockOnEveryChoiceOfLiveAxes) {
  for (int64_t choice = 0; choice < 8; ++choice) {
    auto const size = [&](int64_t bit, int64_t cells) {
      return (choice >> bit & 1) > 0 ? cells : 1;
    };
    EXPECT_LE(distance({2, 1, size(0, 2), size(1, 3), size(2, 4), 32}, FramesKept::all), kRoundOff)
        << choice;
  }
}

TEST(FrozenMorphBlock, EqualsItsBlockOnWindowsOfSeveralFrames) {
  EXPECT_LE(distance({2, 3, 2, 3, 4, 32}, FramesKept::all), kRoundOff);
  EXPECT_LE(distance({2, 2, 1, 3, 4, 32}, FramesKept::all), kRoundOff);
}

TEST(FrozenMorphBlock, GivesTheNewestFrameAloneWhereAsked) {
  EXPECT_LE(distance({2, 3, 2, 3, 4, 32}, FramesKept::newest), kRoundOff);
  EXPECT_LE(distance({1, 2, 1, 1, 4, 32}, FramesKept::newest), kRoundOff);
}

TEST(AttendAlong, AttendsToOneAxisAndTakesTheOthersAsBatch) {
  at::manual_seed(1);
  auto const q = at::randn({2, 1, 3, 4, 5, 6}), k = at::randn({2, 1, 3, 4, 5, 6}),
             v = at::randn({2, 1, 3, 4, 5, 6});
  for (int64_t axis = 2; axis < 5; ++axis) {
    auto const out = at::empty_like(q);
    attend_along(axis, 1, {q, k, v}, out);
    auto const line = [&](at::Tensor const& x) { return x.movedim(axis, 4); };
    auto const share =
        at::softmax(at::matmul(line(q), line(k).transpose(-1, -2)) / std::sqrt(6.0), -1);
    EXPECT_LE((line(out) - at::matmul(share, line(v))).abs().max().item<double>(), kRoundOff)
        << axis;
  }
}

}  // namespace
}  // namespace eddyline
