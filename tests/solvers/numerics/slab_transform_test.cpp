#include "solvers/numerics/slab_transform.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

constexpr double kRoundOff = 1e-13;  // of transforms of numbers of order 1

std::vector<std::array<int64_t, 3>> const kGrids = {{8, 6, 10}, {5, 9, 7}, {1, 12, 8}, {1, 7, 9}};

at::Tensor cut(at::Tensor const& whole, Box const& box) {
  return whole.narrow(-3, box.first[0], box.size[0])
      .narrow(-2, box.first[1], box.size[1])
      .narrow(-1, box.first[2], box.size[2]);
}

/// Two samples of two channels, the same on all ranks.
at::Tensor random_values(std::array<int64_t, 3> const& cells) {
  at::manual_seed(1);
  return at::randn({2, 2, cells[0], cells[1], cells[2]}, at::kDouble);
}

TEST(SlabTransform, HoldsItsModesOfTheWholeGridsTransform) {
  auto const world = Communicator::world();
  for (auto const& cells : kGrids) {
    SlabTransform const transform(cells, world);
    auto const whole = random_values(cells);
    auto const expected = at::fft_rfftn(whole, std::nullopt, {{-3, -2, -1}}, "forward");
    auto const spectrum = transform.forward(cut(whole, transform.values().box));
    EXPECT_LT((spectrum - cut(expected, transform.modes().box)).abs().max().item<double>(),
              kRoundOff);
  }
}

TEST(SlabTransform, GoesBackToTheValues) {
  auto const world = Communicator::world();
  for (auto const& cells : kGrids) {
    SlabTransform const transform(cells, world);
    auto const values = cut(random_values(cells), transform.values().box);
    EXPECT_LT((transform.backward(transform.forward(values)) - values).abs().max().item<double>(),
              kRoundOff);
  }
}

TEST(SlabTransform, SplitsTheFirstAxisOfValuesAndTheSecondOfModes) {
  auto const world = Communicator::world();
  SlabTransform const space({8, 6, 10}, world);
  EXPECT_EQ(space.values().parts, (std::array{world.size(), 1, 1}));
  EXPECT_EQ(space.modes().parts, (std::array{1, world.size(), 1}));
  EXPECT_EQ(space.modes().global, (std::array<int64_t, 3>{8, 6, 6}));
  SlabTransform const plane({1, 8, 10}, world);
  EXPECT_EQ(plane.values().parts, (std::array{1, world.size(), 1}));
  EXPECT_EQ(plane.modes().parts, (std::array{1, 1, world.size()}));
}

TEST(SlabTransform, RefusesAxesOfFewerCellsThanRanksOnTwoRanks) {
  auto const world = Communicator::world();
  try {
    SlabTransform const transform({8, 1, 8}, world);
    FAIL() << "made";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("cannot be split over 2 ranks; allowed: 1"));
  }
}

}  // namespace
}  // namespace eddyline
