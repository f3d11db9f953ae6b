#include "surrogates/fno/axis_transform.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/numbers.hpp"

namespace eddyline {
namespace {

using Frequencies = AxisTransform::Frequencies;
using Values = AxisTransform::Values;

constexpr double kRoundOff = 1e-14;  // float64 sums of up to nine terms of size one
constexpr int64_t kKept = 3;

at::Tensor values_of(Values values, std::vector<int64_t> shape) {
  return values == Values::real ? doubles(shape, 1)
                                : at::complex(doubles(shape, 1), doubles(shape, 2));
}

AxisTransform transform_of(Frequencies frequencies, Values values, int64_t cells) {
  return {frequencies, values, kKept, {0, cells, cells}, at::empty({0}, at::kDouble)};
}

TEST(AxisTransform, GivesTheKeptModesOfFourierTransformsOnAnyAxis) {
  for (auto const values : {Values::real, Values::complex}) {
    for (int64_t dim = 1; dim < 4; ++dim) {
      std::vector<int64_t> shape = {2, 3, 4, 5};
      for (auto const cells : {8, 9}) {
        shape[static_cast<size_t>(dim)] = cells;
        auto const v = values_of(values, shape);
        auto const all = at::fft_fft(v, at::nullopt, dim) / static_cast<double>(cells);
        auto const low = all.narrow(dim, 0, kKept);
        auto const both = at::cat({low, all.narrow(dim, cells - kKept, kKept)}, dim);
        EXPECT_TRUE(
            at::allclose(transform_of(Frequencies::from_zero, values, cells).analyse(v, dim),
                         low,
                         kRoundOff,
                         kRoundOff));
        EXPECT_TRUE(
            at::allclose(transform_of(Frequencies::both_signs, values, cells).analyse(v, dim),
                         both,
                         kRoundOff,
                         kRoundOff));
      }
    }
  }
}

TEST(AxisTransform, GivesFieldsOfItsModesBack) {
  for (auto const values : {Values::real, Values::complex}) {
    for (int64_t dim = 1; dim < 3; ++dim) {
      // Six cells have no frequencies but the six kept ones.
      auto const v = values_of(values, {2, 6, 6});
      auto const both = transform_of(Frequencies::both_signs, values, 6);
      EXPECT_TRUE(
          at::allclose(both.synthesise(both.analyse(v, dim), dim), v, kRoundOff, kRoundOff));
    }
  }
  // Of five real cells the frequencies 0, 1, 2 are enough.
  auto const v = values_of(Values::real, {2, 5});
  auto const half = transform_of(Frequencies::from_zero, Values::real, 5);
  EXPECT_TRUE(at::allclose(half.synthesise(half.analyse(v, 1), 1), v, kRoundOff, kRoundOff));
}

TEST(AxisTransform, OfPartsOfTheCellsAddsUpToThatOfAll) {
  auto const v = values_of(Values::real, {2, 9, 3});
  auto const whole = transform_of(Frequencies::both_signs, Values::real, 9).analyse(v, 1);
  auto sum = at::zeros_like(whole);
  std::vector<at::Tensor> parts;
  for (auto const& [first, here] : {std::pair<int64_t, int64_t>{0, 5}, {5, 4}}) {
    AxisTransform const part(Frequencies::both_signs, Values::real, kKept, {first, here, 9}, v);
    sum += part.analyse(v.narrow(1, first, here), 1);
    parts.push_back(part.synthesise(whole, 1));
  }
  EXPECT_TRUE(at::allclose(sum, whole, kRoundOff, kRoundOff));
  auto const back = transform_of(Frequencies::both_signs, Values::real, 9).synthesise(whole, 1);
  EXPECT_TRUE(at::allclose(at::cat(parts, 1), back, kRoundOff, kRoundOff));
}

}  // namespace
}  // namespace eddyline
