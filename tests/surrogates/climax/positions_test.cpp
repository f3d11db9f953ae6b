#include "surrogates/climax/positions.hpp"

#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace eddyline {
namespace {

constexpr double kRoundOff = 1e-6;

TEST(SineTable, HasSinesThenCosinesOfEachPosition) {
  auto const table = sine_table(3, 4);  // frequencies 1 and 1/100
  auto const expected =
      at::tensor({std::sin(2.0), std::sin(0.02), std::cos(2.0), std::cos(0.02)}, at::kFloat);
  EXPECT_TRUE(at::allclose(table[2], expected, 0, kRoundOff));
  EXPECT_EQ(table.scalar_type(), at::kFloat);
}

TEST(SineTable, ItsFirstHalfIsTheColumn) {
  auto const table = sine_table(std::array<int64_t, 2>{2, 3}, 8);
  EXPECT_EQ(table.sizes().vec(), (std::vector<int64_t>{6, 8}));
  auto const line = sine_table(3, 4);
  EXPECT_TRUE(at::equal(table[1 * 3 + 2].narrow(0, 0, 4), line[2]));
  EXPECT_TRUE(at::equal(table[1 * 3 + 2].narrow(0, 4, 4), line[1]));
}

TEST(ResamplePositions, KeepsATableOfTheSameGrid) {
  auto const table = at::rand({1, 6, 4});
  EXPECT_TRUE(resample_positions(table, {2, 3}, {2, 3}).is_same(table));
}

/// Where only the width differs, and where the grids are not 1:2.
TEST(ResamplePositions, KeepsWhatIsConstantAndTheOrderOfRows) {
  auto const rows = at::arange(4, at::kDouble).view({1, 4, 1, 1}).expand({1, 4, 6, 2});
  auto const wider = resample_positions(rows.flatten(1, 2), {4, 6}, {4, 9});
  EXPECT_EQ(wider.sizes().vec(), (std::vector<int64_t>{1, 36, 2}));
  auto const expected = at::arange(4, at::kDouble).view({1, 4, 1, 1}).expand({1, 4, 9, 2});
  EXPECT_TRUE(at::allclose(wider, expected.flatten(1, 2), 0, 1e-12));
}

/// Twice as many cells lie a quarter of a cell beside the old ones: Keys' kernel with a = -0.75.
TEST(ResamplePositions, IsBicubicBetweenCellCentres) {
  auto const line = at::tensor({1.0, 2.0, 4.0, 8.0, 16.0}, at::kDouble);
  auto const finer = resample_positions(line.view({1, 5, 1}), {1, 5}, {1, 10}).flatten();
  auto const near = [](double t) { return (1.25 * t - 2.25) * t * t + 1; };
  auto const far = [](double t) { return ((-0.75 * t + 3.75) * t - 6) * t + 3; };
  auto const expected = 1 * far(1.75) + 2 * near(0.75) + 4 * near(0.25) + 8 * far(1.25);
  EXPECT_NEAR(finer[4].item<double>(), expected, 1e-12);
}

}  // namespace
}  // namespace eddyline
