#include "core/random.hpp"

#include <set>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace eddyline {
namespace {

TEST(Random, ValuesOfASampleDoNotDependOnItsPlaceInTheBatch) {
  RandomKey const key{.seed = 1, .step = 2, .layer = 3};
  auto const together = at::empty({3, 5});
  fill_uniform(together, key, {10, 11, 12});
  auto const alone = at::empty({1, 5});
  fill_uniform(alone, key, {12});
  EXPECT_TRUE(at::equal(together[2], alone[0]));
  EXPECT_FALSE(at::equal(together[1], alone[0]));
}

TEST(Random, PhiloxEqualsTheKnownAnswersOfItsAuthors) {
  using Words = std::array<uint32_t, 4>;
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  uint32_t const ones = 0xffffffff;
  EXPECT_EQ(philox4x32({ones, ones, ones, ones}, {ones, ones}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, UniformValuesAreTheWordsOfTheirBlocks) {
  RandomKey const key{.seed = 5, .step = 6, .layer = 7};
  // Lengths around the 32 blocks that are made at once.
  for (int64_t const length : {1, 3, 4, 127, 128, 129, 300}) {
    auto const floats = at::empty({2, length});
    auto const doubles = at::empty({2, length}, at::kDouble);
    fill_uniform(floats, key, {3, int64_t{1} << 40});
    fill_uniform(doubles, key, {3, int64_t{1} << 40});
    for (int64_t i = 0; i < length; ++i) {
      auto const of_float = philox(key, uint64_t{1} << 40, static_cast<uint64_t>(i / 4));
      EXPECT_EQ(floats[1][i].item<float>(),
                static_cast<float>(of_float[static_cast<size_t>(i % 4)] >> 8) * 0x1.0p-24f);
      auto const of_double = philox(key, uint64_t{1} << 40, static_cast<uint64_t>(i / 2));
      auto const at = static_cast<size_t>(2 * (i % 2));
      auto const bits = (uint64_t{of_double[at]} << 21) ^ (of_double[at + 1] >> 11);
      EXPECT_EQ(doubles[1][i].item<double>(), static_cast<double>(bits) * 0x1.0p-53);
    }
  }
}

TEST(Random, TensorOperationsMakeTheSameBits) {
  RandomKey const key{.seed = 5, .step = 6, .layer = 7};
  std::vector<int64_t> const indices = {3, int64_t{1} << 40};
  auto const host = at::empty({2, 7, 43});
  fill_uniform(host, key, indices);
  EXPECT_TRUE(at::equal(host, uniform_by_tensors({2, 7, 43}, key, indices, at::kCPU)));
}

TEST(Random, UniformIsFlat) {
  auto const values = at::empty({4, 25000});
  fill_uniform(values, {.seed = 11}, {0, 1, 2, 3});
  EXPECT_GE(values.min().item<double>(), 0);
  EXPECT_LT(values.max().item<double>(), 1);
  // Ten bins of 10000 +- 95: five standard deviations.
  EXPECT_LT((at::histc(values, 10, 0, 1) - 10000).abs().max().item<double>(), 475);
}

TEST(Random, NormalHasUnitMoments) {
  auto const values = at::empty({4, 20000}, at::kDouble);
  fill_normal(values, {.seed = 7}, {0, 1, 2, 3});
  // 80000 draws: the mean's standard error is 0.0035, the variance's 0.005; five of them.
  EXPECT_NEAR(values.mean().item<double>(), 0, 0.018);
  EXPECT_NEAR(values.var().item<double>(), 1, 0.025);
}

TEST(Random, PermutationHoldsEveryIndexOnceAndDependsOnTheSeed) {
  auto const order = permutation(100, {.seed = 1});
  EXPECT_EQ(std::set<int64_t>(order.begin(), order.end()).size(), 100u);
  EXPECT_NE(order, permutation(100, {.seed = 2}));
  EXPECT_EQ(order, permutation(100, {.seed = 1}));
}

TEST(Random, PartsOfARowAreThoseOfTheWholeRow) {
  RandomKey const key{.seed = 4, .step = 2, .layer = 7};
  auto const whole = at::empty({2, 1000});
  fill_uniform(whole, key, {3, 8});
  for (int64_t const length : {1, 5, 8, 333}) {
    auto const parts = at::empty({3, length});
    fill_uniform_at(parts, key, {8, 3, 8}, {2, 0, 1});
    EXPECT_TRUE(at::equal(parts[0], whole[1].narrow(0, 2 * length, length))) << length;
    EXPECT_TRUE(at::equal(parts[1], whole[0].narrow(0, 0, length))) << length;
    EXPECT_TRUE(at::equal(parts[2], whole[1].narrow(0, length, length))) << length;
  }
}

TEST(Random, SingleNumbersOfARowAreThoseOfTheWholeRow) {
  RandomKey const key{.seed = 4, .step = 2, .layer = 7};
  auto const whole = at::empty({2, 1000});
  fill_uniform(whole, key, {3, 8});
  std::vector<int64_t> runs, scattered;  // more of one block than are made at once, and fewer
  for (int64_t i = 0; i < 300; ++i) {
    runs.push_back(i + i / 7 * 2);
    scattered.push_back(2 * i + i % 2);
  }
  for (auto const& columns : {runs, scattered, std::vector<int64_t>{5}}) {
    auto const count = static_cast<int64_t>(columns.size());
    auto const parts = at::empty({3, count});
    fill_uniform_in(parts, key, {8, 3, 8}, {2, 0, 333}, columns);
    auto const expected = [&](int64_t row, int64_t first) {
      return whole[row].index_select(0, at::tensor(columns, at::kLong) + first);
    };
    EXPECT_TRUE(at::equal(parts[0], expected(1, 2))) << count;
    EXPECT_TRUE(at::equal(parts[1], expected(0, 0))) << count;
    EXPECT_TRUE(at::equal(parts[2], expected(1, 333))) << count;
  }
}

TEST(Random, NormalPartsOfARowAreThoseOfTheWholeRow) {
  RandomKey const key{.seed = 4, .step = 2, .layer = 7};
  auto const whole = at::empty({2, 1000});
  fill_normal(whole, key, {3, 8});
  for (int64_t const length : {1, 5, 64, 333}) {
    auto const parts = at::empty({3, length});
    fill_normal_from(parts, key, {8, 3, 8}, {2, 0, 667});  // pairs are cut where they may
    EXPECT_TRUE(at::equal(parts[0], whole[1].narrow(0, 2, length))) << length;
    EXPECT_TRUE(at::equal(parts[1], whole[0].narrow(0, 0, length))) << length;
    EXPECT_TRUE(at::equal(parts[2], whole[1].narrow(0, 667, length))) << length;
  }
}

}  // namespace
}  // namespace eddyline
