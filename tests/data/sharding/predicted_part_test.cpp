#include "data/sharding/predicted_part.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/process_group.hpp"
#include "data/sharding/part_of.hpp"
#include "tests/message_of.hpp"

namespace eddyline {
namespace {

using Patch = std::array<int64_t, 3>;

/// Of 12 × 20 cells in patches of 2 × 2: 8 rows, and 10 columns that go on beyond the last one, so
/// that neighbours of the part are none of the grid.
GridPart part() {
  return {.cells = {12, 20},
          .rows = {2, 3, 4, 5, 6, 7, 8, 9},
          .columns = {14, 15, 16, 17, 18, 19, 0, 1, 2, 3}};
}

struct Divided {
  std::shared_ptr<Mesh const> mesh;
  Sharding grid;
  PredictedPart part;

  Divided(std::shared_ptr<Mesh const> on, GridPart const& cells, Patch patch = {1, 2, 2})
      : mesh(std::move(on)), grid(mesh, {1, 12, 20}, patch), part(cells, grid, patch) {}

  at::Tensor own(at::Tensor const& whole) const { return part_of(whole, grid.block().box); }
  at::Tensor own_part(at::Tensor const& whole) const {
    return part_of(part.cells().crop(whole), part.sharding()->block().box);
  }
};

class PartOfADividedGrid : public testing::Test {
 protected:
  std::vector<Divided> every_split(GridPart const& cells = part()) const {
    auto const world = Communicator::world();
    std::vector<std::array<int, 3>> splits = {{1, 1, world.size()}, {1, world.size(), 1}};
    if (world.size() == 4) {
      splits.push_back({1, 2, 2});
      splits.push_back({1, 1, 2});  // two samples at once
    }
    std::vector<Divided> made;
    for (auto const& parts : splits) {
      made.emplace_back(std::make_shared<Mesh>(world, parts), cells);
    }
    return made;
  }
  at::Tensor const whole_ = at::arange(2 * 3 * 12 * 20, at::kDouble).view({2, 3, 1, 12, 20});
};

TEST_F(PartOfADividedGrid, IsDividedByItselfOnManyRanks) {
  for (auto const& divided : every_split()) {
    auto const& block = divided.part.sharding()->block();
    EXPECT_EQ(block.global, (std::array<int64_t, 3>{1, 8, 10}));
    EXPECT_EQ(block.box.size[1] % 2 + block.box.size[2] % 2, 0) << "whole patches";
    EXPECT_TRUE(divided.part.take(divided.own(whole_)).equal(divided.own_part(whole_)));
    auto const some = whole_.gt(500);
    EXPECT_TRUE(divided.part.take(divided.own(some)).equal(divided.own_part(some)));
  }
}

TEST_F(PartOfADividedGrid, MayLieOnOneRankAloneOnManyRanks) {
  auto corner = part();
  corner.rows = {0, 1, 2, 3};
  corner.columns = {0, 1, 2, 3};
  auto const mesh = std::make_shared<Mesh>(Communicator::world(), std::array<int, 3>{1, 1, 2});
  Divided const divided(mesh, corner);
  EXPECT_EQ(divided.part.sharding()->block().box.size, (std::array<int64_t, 3>{1, 4, 2}));
  EXPECT_TRUE(divided.part.take(divided.own(whole_)).equal(divided.own_part(whole_)));
}

TEST_F(PartOfADividedGrid, SendsTheGradientBackOnManyRanks) {
  auto const weights = at::sin(whole_);
  for (auto const& divided : every_split()) {
    auto const x = divided.own(whole_).clone().set_requires_grad(true);
    (divided.part.take(x) * divided.own_part(weights)).sum().backward();
    auto const expected = whole_.clone().set_requires_grad(true);
    (part().crop(expected) * part().crop(weights)).sum().backward();
    EXPECT_TRUE(x.grad().equal(divided.own(expected.grad())));
  }
}

TEST_F(PartOfADividedGrid, SendsNoMoreThanItsOwnCellsOfThePartOnManyRanks) {
  auto const mesh = std::make_shared<Mesh>(Communicator::world(), std::array<int, 3>{1, 1, 2});
  Divided const divided(mesh, part());
  (void)divided.part.take(divided.own(whole_));
  // The first rank holds columns 0 … 9 and wants 14 … 19, the second wants 0 … 3.
  auto const columns = mesh->domain().rank() == 0 ? 4 : 6;
  EXPECT_EQ(counters_of(*mesh->group()).kinds.at("region").sent,
            2 * 3 * 8 * columns * static_cast<int64_t>(sizeof(double)));
}

TEST_F(PartOfADividedGrid, NamesTheSplitsThatItAllowsOnManyRanks) {
  auto const world = Communicator::world();
  auto narrow = part();
  narrow.columns = {4, 5};
  EXPECT_THAT(message_of<Error>([&] {
                Divided(std::make_shared<Mesh>(world, std::array<int, 3>{1, 1, 2}), narrow);
              }),
              testing::AllOf(testing::HasSubstr("axis W of 2 cells in units of 2 cannot be split "
                                                "over 2 ranks; allowed: 1"),
                             testing::HasSubstr("the region that the network predicts")));
}

}  // namespace
}  // namespace eddyline
