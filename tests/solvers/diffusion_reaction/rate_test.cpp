#include "solvers/diffusion_reaction/rate.hpp"

#include <cmath>
#include <numbers>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace eddyline {
namespace {

constexpr DiffusionReactionRate::Constants kConstants{
    .diffusivity_u = 0.3, .diffusivity_v = 0.7, .k = 0.2};

at::Tensor rate_of(at::Tensor const& state, DiffusionReactionRate::Constants const& constants) {
  auto const self = Communicator::self();
  DiffusionReactionRate rate(whole_block({1, state.size(2), state.size(3)}), constants, self);
  auto out = at::empty_like(state);
  rate(state, out);
  return out;
}

/// What is left of a rate without its reaction terms: (diffusion of u, diffusion of v).
at::Tensor diffusion_of(at::Tensor const& state,
                        DiffusionReactionRate::Constants const& constants) {
  auto const u = state[0];
  auto const v = state[1];
  return rate_of(state, constants) - at::stack({u - u * u * u - constants.k - v, u - v});
}

TEST(DiffusionReactionRate, ConvergesWithOrderTwoInSpace) {
  // Modes without flux through the edges of [0, 1] × [0, 2]; errors of cos at cell centres.
  auto const error = [](int64_t cells) {
    auto const pi = std::numbers::pi;
    auto constants = kConstants;
    constants.spacing_y = 1.0 / static_cast<double>(cells);
    constants.spacing_x = 2.0 / static_cast<double>(cells);
    auto const index = at::arange(cells, at::kDouble) + 0.5;
    auto const y = (index * constants.spacing_y).view({cells, 1});
    auto const x = (index * constants.spacing_x).view({1, cells});
    auto const u = at::cos(2 * pi * y) * at::cos(1.5 * pi * x);
    auto const v = at::cos(pi * y) * at::cos(pi * x);
    auto const state = at::stack({u, v}).unsqueeze(1);
    auto const exact = at::stack({u * (-kConstants.diffusivity_u * pi * pi * (4 + 2.25)),
                                  v * (-kConstants.diffusivity_v * pi * pi * 2)});
    return (diffusion_of(state, constants).squeeze(1) - exact).abs().amax({1, 2});
  };
  auto const coarse = error(32);
  auto const fine = error(64);
  auto const finest = error(128);
  for (int64_t field = 0; field < 2; ++field) {
    EXPECT_NEAR(std::log2((coarse[field] / fine[field]).item<double>()), 2, 0.02);
    EXPECT_NEAR(std::log2((fine[field] / finest[field]).item<double>()), 2, 0.01);
  }
}

TEST(DiffusionReactionRate, LetsNothingThroughTheEdges) {
  at::manual_seed(1);
  auto const state = at::randn({2, 1, 13, 17}, at::kDouble);
  auto const sums = diffusion_of(state, kConstants).sum({1, 2, 3});
  // Fluxes cancel in pairs; what is left is round-off of 221 terms of size 10.
  EXPECT_LT(sums.abs().max().item<double>(), 1e-12);
}

TEST(DiffusionReactionRate, ReactsAsWritten) {
  auto const state =
      at::stack({at::full({1, 4, 4}, 0.5, at::kDouble), at::full({1, 4, 4}, 0.25, at::kDouble)});
  auto const rate = rate_of(state, kConstants);
  EXPECT_DOUBLE_EQ(rate[0][0][1][2].item<double>(), 0.5 - 0.125 - 0.2 - 0.25);
  EXPECT_DOUBLE_EQ(rate[1][0][0][3].item<double>(), 0.25);
}

TEST(DiffusionReactionRate, GivesTheSameBitsOnAnyNumberOfRanks) {
  auto const world = Communicator::world();
  at::manual_seed(2);
  auto const whole = at::randn({2, 1, 9, 11}, at::kDouble);
  auto const expected = rate_of(whole, kConstants);
  Decomposition const decomposition({1, 9, 11},
                                    Decomposition::balanced_parts({1, 9, 11}, world.size()));
  auto const block = decomposition.block(world.rank());
  auto const cut = [&](at::Tensor const& values) {
    return values.narrow(2, block.box.first[1], block.box.size[1])
        .narrow(3, block.box.first[2], block.box.size[2])
        .contiguous();
  };
  DiffusionReactionRate rate(block, kConstants, world);
  auto const part = cut(whole);
  auto out = at::empty_like(part);
  for (int round = 0; round < 2; ++round) {
    rate(part, out);
    EXPECT_TRUE(at::equal(out, cut(expected)));
  }
}

}  // namespace
}  // namespace eddyline
