#include "data/sinks/neighbour_layers.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/message_of.hpp"

namespace eddyline {
namespace {

constexpr std::array<int64_t, 3> kCells = {5, 6, 7};  // uneven on two ranks

/// Two channels, every value another.
at::Tensor whole_field() {
  return at::arange(2 * 5 * 6 * 7, at::kFloat).view({2, 5, 6, 7});
}

at::Tensor part(at::Tensor const& x, Box const& box) {
  auto y = x;
  for (int64_t a = 0; a < 3; ++a) {
    auto const i = static_cast<size_t>(a);
    y = y.narrow(a + 1, box.first[i], box.size[i]);
  }
  return y;
}

std::vector<std::array<int, 3>> splits_of(int ranks) {
  if (ranks == 1) {
    return {{1, 1, 1}};
  }
  if (ranks == 2) {
    return {{1, 1, 2}, {1, 2, 1}, {2, 1, 1}};
  }
  return {{1, 2, 2}, {1, 1, 4}, {2, 2, 1}, {4, 1, 1}};
}

TEST(NeighbourLayers, AreTheNeighboursCellsEdgesAndCornersToo) {
  auto const world = Communicator::world();
  for (auto const& parts : splits_of(world.size())) {
    auto const block = Decomposition(kCells, parts).block(world.rank());
    for (int64_t before : {0, 1}) {
      auto const wanted = with_layers(block, before, 1);
      auto const values = part(whole_field(), block.box);
      EXPECT_TRUE(
          at::equal(with_neighbours(values, block, wanted, world), part(whole_field(), wanted)));
    }
  }
}

TEST(NeighbourLayers, EndWhereTheGridDoes) {
  auto const block = Decomposition({1, 8, 8}, {1, 2, 1}).block(1);
  EXPECT_EQ(with_layers(block, 1, 2), (Box{.first = {0, 3, 0}, .size = {1, 5, 8}}));
}

TEST(NeighbourLayers, CopyNothingOfWhatIsNotSplit) {
  auto const values = whole_field();
  auto const block = whole_block(kCells);
  auto const same = with_neighbours(values, block, with_layers(block, 1, 2), Communicator::self());
  EXPECT_EQ(same.data_ptr(), values.data_ptr());
}

TEST(NeighbourLayers, OfABlockThinnerThanTheyAreAreRefusedOnManyRanks) {
  auto const world = Communicator::world();
  auto const block = Decomposition({1, 1, world.size()}, {1, 1, world.size()}).block(world.rank());
  auto const values = at::zeros({1, 1, 1, 1});
  // Of two blocks no layer lies beyond the neighbour.
  auto const* const expected =
      world.size() == 2
          ? ""
          : "a block has fewer cells along axis W than the layers that its neighbours show of it; "
            "set catalyst.ghosts=0 or use fewer ranks";
  EXPECT_EQ(message_of([&] { with_neighbours(values, block, with_layers(block, 2, 3), world); }),
            expected);
}

}  // namespace
}  // namespace eddyline
