#include "solvers/numerics/halo.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

using Shape = std::array<int64_t, 3>;
using Edges = std::array<HaloEdge, 3>;

/// A different value for each channel and global cell.
double value_at(int64_t channel, Shape const& cell) {
  return static_cast<double>(((channel * 100 + cell[0]) * 100 + cell[1]) * 100 + cell[2]);
}

template <class Visit>
void for_cells(Box const& box, Visit const& visit) {
  for (int64_t d = box.first[0]; d < box.first[0] + box.size[0]; ++d) {
    for (int64_t h = box.first[1]; h < box.first[1] + box.size[1]; ++h) {
      for (int64_t w = box.first[2]; w < box.first[2] + box.size[2]; ++w) {
        visit(Shape{d, h, w});
      }
    }
  }
}

std::vector<double> block_values(Box const& box, int64_t channels) {
  std::vector<double> values;
  for (int64_t channel = 0; channel < channels; ++channel) {
    for_cells(box, [&](Shape const& cell) { values.push_back(value_at(channel, cell)); });
  }
  return values;
}

/// The cell that stands at `cell` beyond the grid's end.
Shape resolve(Shape cell, Shape const& shape, Edges const& edges) {
  for (size_t a = 0; a < 3; ++a) {
    if (edges[a] == HaloEdge::periodic) {
      cell[a] = (cell[a] + shape[a]) % shape[a];
    } else if (cell[a] < 0) {
      cell[a] = -1 - cell[a];
    } else if (cell[a] >= shape[a]) {
      cell[a] = 2 * shape[a] - 1 - cell[a];
    }
  }
  return cell;
}

struct Case {
  Shape shape;
  Edges edges;
  int64_t width;
};

class HaloOf : public testing::TestWithParam<Case> {};

TEST_P(HaloOf, HoldsTheCellsBeyondTheBlock) {
  auto const& [shape, edges, width] = GetParam();
  int64_t const channels = 2;
  auto const world = Communicator::world();
  Decomposition const decomposition(shape, Decomposition::balanced_parts(shape, world.size()));
  auto const block = decomposition.block(world.rank());
  Halo halo(block, channels, width, edges, world);
  auto const values = block_values(block.box, channels);
  halo.begin(values);
  halo.finish();
  for (int axis = 0; axis < 3; ++axis) {
    auto const a = static_cast<size_t>(axis);
    for (auto const side : {Side::low, Side::high}) {
      auto const face = halo.face(axis, side);
      if (edges[a] == HaloEdge::none) {
        EXPECT_TRUE(face.empty());
        continue;
      }
      auto box = block.box;
      box.first[a] += side == Side::low ? -width : box.size[a];
      box.size[a] = width;
      std::vector<double> expected;
      for (int64_t channel = 0; channel < channels; ++channel) {
        for_cells(box, [&](Shape const& cell) {
          expected.push_back(value_at(channel, resolve(cell, shape, edges)));
        });
      }
      EXPECT_EQ(std::vector<double>(face.begin(), face.end()), expected)
          << "axis " << axis << " side " << static_cast<int>(side);
    }
  }
}

constexpr auto kNone = HaloEdge::none;
constexpr auto kMirror = HaloEdge::mirror;
constexpr auto kPeriodic = HaloEdge::periodic;

INSTANTIATE_TEST_SUITE_P(Grids,
                         HaloOf,
                         testing::Values(Case{{1, 6, 7}, {kNone, kMirror, kMirror}, 1},
                                         Case{{1, 8, 9}, {kNone, kPeriodic, kMirror}, 2},
                                         Case{{1, 1, 16}, {kNone, kNone, kPeriodic}, 3},
                                         Case{{8, 6, 5}, {kMirror, kPeriodic, kPeriodic}, 2},
                                         Case{{4, 9, 10}, {kPeriodic, kMirror, kMirror}, 1}));

TEST(Halo, CarriesNewValuesAtEveryExchange) {
  auto const world = Communicator::world();
  Shape const shape = {1, 1, 4 * world.size()};
  auto const block = Decomposition(shape, {1, 1, world.size()}).block(world.rank());
  Halo halo(block, 1, 1, {kNone, kNone, kPeriodic}, world);
  for (int round = 0; round < 3; ++round) {
    std::vector<double> const values(4, 10.0 * round + world.rank());
    halo.begin(values);
    halo.finish();
    EXPECT_EQ(halo.face(2, Side::low)[0],
              10.0 * round + (world.rank() + world.size() - 1) % world.size());
  }
}

TEST(Halo, RefusesBlocksThinnerThanItself) {
  auto const world = Communicator::world();
  Shape const shape = {1, 1, 2 * world.size()};
  auto const block = Decomposition(shape, {1, 1, world.size()}).block(world.rank());
  try {
    Halo const halo(block, 1, 3, {kNone, kNone, kMirror}, world);
    FAIL() << "made";
  } catch (Error const& error) {
    EXPECT_THAT(
        error.what(),
        testing::HasSubstr("leaves blocks of 2, thinner than the halo of 3; use fewer ranks"));
  }
}

}  // namespace
}  // namespace eddyline
