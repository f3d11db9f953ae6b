#include "surrogates/fno/divided_axis.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/process_group.hpp"
#include "data/sharding/sharding.hpp"
#include "tests/numbers.hpp"

namespace eddyline {
namespace {

constexpr double kRoundOff = 1e-13;
constexpr int64_t kBatch = 2, kChannels = 3, kBefore = 5, kCells = 11, kKept = 4, kRows = 2;
constexpr int64_t kModes = 2 * kKept;

/// An axis of 11 cells over all ranks, 5 modes before it, 2 rows of an axis after it. Neither
/// cells nor modes nor channels are a multiple of the ranks.
class DividedAxisTest : public testing::TestWithParam<ModeRoute> {
 protected:
  AxisTransform transform(bool of_own_cells) const {
    auto const cells = of_own_cells ? AxisTransform::Cells{line_.first(), line_.own(), kCells}
                                    : AxisTransform::Cells{0, kCells, kCells};
    return {AxisTransform::Frequencies::both_signs,
            AxisTransform::Values::complex,
            kKept,
            cells,
            at::empty({0}, at::kDouble)};
  }
  DividedAxis divided(Flight flight = Flight::as_computed) const {
    return {GetParam(), transform(GetParam() == ModeRoute::sums), line_, kBefore, flight};
  }
  at::Tensor own_cells(at::Tensor const& x) const {
    return x.narrow(3, line_.first(), line_.own()).contiguous();
  }
  /// Of (B, C, modes, …) this rank's.
  at::Tensor own_modes(at::Tensor const& c) const {
    auto const numbers = at::arange(kBefore * kModes).view({kBefore, kModes});
    return c.index_select(2, divided().share_of(numbers));
  }
  at::Tensor modes_of(at::Tensor const& x) const {
    return transform(false).analyse(x, 3).flatten(2, 3);
  }
  at::Tensor cells_of(at::Tensor const& c) const {
    return transform(false).synthesise(c.unflatten(2, {kBefore, kModes}), 3);
  }
  static at::Tensor numbers_of(std::vector<int64_t> const& shape, uint64_t seed) {
    return at::complex(doubles(shape, seed), doubles(shape, seed + 1));
  }

  Communicator world_ = Communicator::world();
  std::shared_ptr<Mesh const> mesh_ =
      std::make_shared<Mesh>(world_, std::array<int, 3>{world_.size(), 1, 1});
  AxisParts line_ = Sharding(mesh_, {kCells, 1, 1}).axis(0);
  at::Tensor x_ = numbers_of({kBatch, kChannels, kBefore, kCells, kRows}, 1);
  at::Tensor c_ = numbers_of({kBatch, kChannels, kBefore* kModes, kRows}, 3);
};

TEST_P(DividedAxisTest, GivesEachRankItsShareOfTheModesOnManyRanks) {
  EXPECT_TRUE(at::allclose(
      divided().analyse(own_cells(x_)), own_modes(modes_of(x_)), kRoundOff, kRoundOff));
}

TEST_P(DividedAxisTest, GivesEachRankItsCellsBackOnManyRanks) {
  EXPECT_TRUE(at::allclose(
      divided().synthesise(own_modes(c_)), own_cells(cells_of(c_)), kRoundOff, kRoundOff));
}

TEST_P(DividedAxisTest, SharesOutEveryModeOnceOnManyRanks) {
  auto const numbers = at::arange(kBefore * kModes).view({kBefore, kModes});
  auto count = at::zeros({kBefore * kModes}, at::kLong);
  count.index_add_(0, divided().share_of(numbers), at::ones_like(divided().share_of(numbers)));
  std::vector<at::Tensor> sums = {count};
  mesh_->group()->allreduce(sums)->wait();
  EXPECT_TRUE(at::equal(sums[0], at::ones_like(count)));
}

TEST_P(DividedAxisTest, SendsGradientsTheWayBackOnManyRanks) {
  auto const x = own_cells(x_).set_requires_grad(true);
  auto const c = own_modes(c_).set_requires_grad(true);
  auto const loss = [](at::Tensor const& y, at::Tensor const& weight) {
    return (at::view_as_real(y.contiguous()) * weight).sum();
  };
  auto const over_modes = doubles({kBatch, kChannels, kBefore * kModes, kRows, 2}, 5);
  auto const over_cells = doubles({kBatch, kChannels, kBefore, kCells, kRows, 2}, 6);
  loss(divided().analyse(x), own_modes(over_modes)).backward();
  loss(divided().synthesise(c), own_cells(over_cells)).backward();

  auto const whole_x = x_.clone().set_requires_grad(true);
  auto const whole_c = c_.clone().set_requires_grad(true);
  loss(modes_of(whole_x), over_modes).backward();
  loss(cells_of(whole_c), over_cells).backward();
  EXPECT_TRUE(at::allclose(x.grad(), own_cells(whole_x.grad()), kRoundOff, kRoundOff));
  EXPECT_TRUE(at::allclose(c.grad(), own_modes(whole_c.grad()), kRoundOff, kRoundOff));
}

TEST_P(DividedAxisTest, SendsAQuarterOfDoublePrecisionAsBfloat16OnManyRanks) {
  auto const sent = [&] { return counters_of(*mesh_->group()).kinds["spectrum"].sent; };
  auto const x = own_cells(x_);
  divided().analyse(x);
  auto const full = sent();
  EXPECT_GT(full, 0);
  auto const rounded = divided(Flight::bf16).analyse(x);
  EXPECT_EQ((sent() - full) * 4, full);
  auto const exact = own_modes(modes_of(x_));
  auto const error = (rounded - exact).abs().max().item<double>();
  EXPECT_GT(error, 0);
  EXPECT_LT(error, 0.02 * exact.abs().max().item<double>());  // 8 bits of mantissa, twice
}

char const* name_of(ModeRoute route) {
  return route == ModeRoute::modes ? "modes" : route == ModeRoute::channels ? "channels" : "sums";
}

INSTANTIATE_TEST_SUITE_P(Routes,
                         DividedAxisTest,
                         testing::Values(ModeRoute::modes, ModeRoute::channels, ModeRoute::sums),
                         [](auto const& instance) { return name_of(instance.param); });

}  // namespace
}  // namespace eddyline
