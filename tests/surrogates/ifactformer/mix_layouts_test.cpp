#include "surrogates/ifactformer/mix_layouts.hpp"

#include <algorithm>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "data/sharding/part_of.hpp"
#include "surrogates/ifactformer/mix.hpp"
#include "tests/numbers.hpp"

namespace eddyline {
namespace {

constexpr std::array<int64_t, 3> kCells = {5, 3, 7};

/// Cells of a sample on all ranks, (B, X, Y, Z, c), and this rank's as (B, N, c).
class MixOnRanks : public testing::TestWithParam<IFactVariant> {
 protected:
  std::vector<std::array<int, 3>> splits() const {
    switch (world_.size()) {
      case 1:
        return {{1, 1, 1}};
      case 2:
        return {{1, 1, 2}, {1, 2, 1}, {2, 1, 1}};
      default:
        return {{1, 1, 4}, {2, 1, 2}, {2, 2, 1}};
    }
  }
  std::shared_ptr<Sharding const> sharding(std::array<int, 3> parts) const {
    return std::make_shared<Sharding>(std::make_shared<Mesh>(world_, parts), kCells);
  }
  static MixLayouts layouts(std::shared_ptr<Sharding const> const& sharding) {
    return {GetParam(), sharding->block().box.size, sharding};
  }
  static at::Tensor own(at::Tensor const& whole, Sharding const& sharding) {
    return part_of(whole.movedim(-1, 1), sharding.block().box)
        .movedim(1, -1)
        .contiguous()
        .flatten(1, 3);
  }
  Communicator world_ = Communicator::world();
};

TEST_P(MixOnRanks, MovesCellsToWholeLinesAndBack) {
  auto const whole = numbers({2, kCells[0], kCells[1], kCells[2], 3}, 1);
  for (auto const parts : splits()) {
    auto const divided = sharding(parts);
    auto const there = layouts(divided);
    auto const block = own(whole, *divided);
    for (size_t a = 0; a < 3; ++a) {
      if (!divided->axis(a).is_divided()) {
        continue;
      }
      auto const layout = static_cast<CellLayout>(a);
      auto const lines = there.moved(block, CellLayout::block, layout);
      ASSERT_EQ(lines.size(1), there.cells(layout));
      EXPECT_EQ(there.inner({a, layout}) * kCells[a], there.cells(layout));
      EXPECT_TRUE(at::equal(there.moved(lines, layout, CellLayout::block), block));
      // Lines are whole: their sums over the axis are the sums over the whole axis.
      auto const sums = lines.to(at::kDouble).view({2, kCells[a], -1, 3}).sum(1).sum(1);
      at::Tensor total = sums.clone();
      std::vector<at::Tensor> list = {total};
      divided->group()->allreduce(list)->wait();
      EXPECT_TRUE(at::allclose(list[0], whole.to(at::kDouble).sum({1, 2, 3})));
    }
  }
}

TEST_P(MixOnRanks, ActsAlongAxesThatAreWholeThere) {
  for (auto const parts : splits()) {
    auto const there = layouts(sharding(parts));
    std::vector<size_t> axes;
    for (auto const& chain : there.chains()) {
      for (auto const& step : chain) {
        axes.push_back(step.axis);
        EXPECT_EQ(step.layout == CellLayout::block, parts[step.axis] == 1);
      }
    }
    std::sort(axes.begin(), axes.end());
    EXPECT_EQ(axes, (std::vector<size_t>{0, 1, 2}));
    EXPECT_EQ(there.chains().size(), GetParam() == IFactVariant::m ? 3U : 1U);
    EXPECT_EQ(there.all_cells(), kCells[0] * kCells[1] * kCells[2]);
  }
}

TEST_P(MixOnRanks, IsThatOfOneRankHoweverFarItsColumnsLieFromZero) {
  auto const variant = GetParam();
  auto const heads = int64_t{2}, width = int64_t{4};
  auto const columns = heads * width * (variant == IFactVariant::m ? 3 : 1);
  // Rows and kernels far from zero: means are a thousand deviations, whose squares float32 cannot
  // tell from the mean's.
  auto const rows = 1 + 1e-3 * numbers({2, kCells[0], kCells[1], kCells[2], 6}, 1);
  AxisMix mix{.rows = {rows.flatten(1, 3)},
              .values = numbers({heads * width, 6}, 2),
              .kernels = {},
              .output = numbers({5, columns}, 3)};
  for (size_t a = 0; a < 3; ++a) {
    mix.kernels[a] = at::ones({2, heads, kCells[a], kCells[a]});
    mix.kernels[a] += at::eye(kCells[a]);
  }
  at::NoGradGuard const no_grad;
  auto const expected = mix_axes(mix, MixLayouts(variant, kCells, nullptr), Precision::fp32);
  auto const as_cells = expected.view({2, kCells[0], kCells[1], kCells[2], 5});
  for (auto const parts : splits()) {
    auto const divided = sharding(parts);
    auto const there = layouts(divided);
    auto part = mix;
    part.rows = there.depart(own(rows, *divided)).arrived();
    auto const got = mix_axes(part, there, Precision::fp32);
    // Roundings of values up to ten thousand times as large as their deviation.
    EXPECT_LE((got - own(as_cells, *divided)).abs().max().item<double>(),
              1e-2 * expected.abs().max().item<double>());
  }
}

INSTANTIATE_TEST_SUITE_P(Variants,
                         MixOnRanks,
                         testing::Values(IFactVariant::m, IFactVariant::o),
                         [](auto const& instance) { return enum_name(instance.param); });

}  // namespace
}  // namespace eddyline
