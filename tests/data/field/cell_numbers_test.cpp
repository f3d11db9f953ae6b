#include "data/field/cell_numbers.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace eddyline {
namespace {

at::Tensor numbered_cells() {
  return at::arange(2 * 3 * 5 * 7, at::kFloat).view({2, 3, 5, 7});
}

at::Tensor in_box(at::Tensor values, Box const& box) {
  for (size_t a = 0; a < 3; ++a) {
    values = values.narrow(static_cast<int64_t>(a) + 1, box.first[a], box.size[a]);
  }
  return values;
}

TEST(CellNumbers, ThatFollowEachOtherAreABox) {
  Box const box{.first = {0, 2, 4}, .size = {1, 2, 3}};
  EXPECT_EQ(as_box({{{0}, {2, 3}, {4, 5, 6}}}), box);
  EXPECT_EQ(as_box(numbers_of(box)), box);
  EXPECT_FALSE(as_box({{{0}, {3, 2}, {4, 5, 6}}}));
  EXPECT_FALSE(as_box({{{0}, {2, 2}, {4, 5, 6}}}));
  EXPECT_FALSE(as_box({{{0}, {2, 3}, {4, 6}}}));
}

TEST(CellNumbers, AreTakenInTheirOrderAndAsOftenAsTheyCome) {
  auto const all = numbered_cells();
  auto const taken = take_cells(all, {{{1, 2}, {4, 0, 0}, {6, 5}}});
  ASSERT_EQ(taken.sizes().vec(), (std::vector<int64_t>{2, 2, 3, 2}));
  EXPECT_EQ(taken[1][0][0][1].item<float>(), all[1][1][4][5].item<float>());
  EXPECT_EQ(taken[0][1][2][0].item<float>(), all[0][2][0][6].item<float>());
  EXPECT_TRUE(take_cells(all, {{{1, 2}, {0, 1}, {3}}}).is_alias_of(all)) << "no copy of a box";
}

TEST(CellNumbers, AreReadOnceEachInTheLargestBoxesThatThereAre) {
  auto const all = numbered_cells();
  std::vector<Box> boxes;
  auto const read = [&](Box const& box) {
    boxes.push_back(box);
    return in_box(all, box);
  };
  // A periodic axis across its end, a mirrored one, and edges that are repeated.
  CellNumbers const cells = {{{2, 0}, {3, 2, 1}, {0, 0, 0, 1, 2}}};
  EXPECT_TRUE(read_cells(cells, read).equal(take_cells(all, cells)));
  EXPECT_EQ(boxes,
            (std::vector<Box>{{.first = {0, 1, 0}, .size = {1, 3, 3}},
                              {.first = {2, 1, 0}, .size = {1, 3, 3}}}));
}

}  // namespace
}  // namespace eddyline
