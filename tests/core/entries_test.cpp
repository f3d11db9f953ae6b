#include "core/entries.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace eddyline {
namespace {

TEST(Run, IsOfNumbersThatFollowEachOther) {
  EXPECT_TRUE(is_run({4}));
  EXPECT_TRUE(is_run({4, 5, 6}));
  EXPECT_FALSE(is_run({}));
  EXPECT_FALSE(is_run({6, 5}));
  EXPECT_FALSE(is_run({4, 4}));
  EXPECT_FALSE(is_run({1, 1, 3})) << "as many as between its ends, but one twice";
}

class TakenEntries : public testing::Test {
 protected:
  at::Tensor const all_ = at::arange(2 * 5 * 3, at::kFloat).view({2, 5, 3});
};

TEST_F(TakenEntries, AreInTheOrderOfTheirNumbersAndAsOftenAsTheyCome) {
  auto const taken = take_entries(all_, 1, {4, 0, 0});
  EXPECT_TRUE(taken.equal(at::stack({all_.select(1, 4), all_.select(1, 0), all_.select(1, 0)}, 1)));
  EXPECT_FALSE(taken.is_alias_of(all_));
  EXPECT_TRUE(take_entries(all_, 1, {1, 1, 3}).select(1, 1).equal(all_.select(1, 1)));
}

TEST_F(TakenEntries, AreAViewWhereTheyFollowEachOther) {
  auto const taken = take_entries(all_, 1, {1, 2, 3});
  EXPECT_TRUE(taken.is_alias_of(all_));
  EXPECT_TRUE(taken.equal(all_.slice(1, 1, 4)));
  EXPECT_TRUE(take_entries(all_, -1, {2}).equal(all_.slice(2, 2, 3)));
}

TEST_F(TakenEntries, OfNoNumbersAreNone) {
  EXPECT_EQ(take_entries(all_, 1, {}).sizes().vec(), (std::vector<int64_t>{2, 0, 3}));
}

TEST_F(TakenEntries, HandGradientsBackToTheirPlaces) {
  for (auto const& numbers : {std::vector<int64_t>{1, 2}, {3, 0, 3}, {}}) {
    auto const x = all_.clone().requires_grad_();
    auto const taken = take_entries(x, 1, numbers);
    auto const weight = at::arange(taken.numel(), at::kFloat).view(taken.sizes()) + 1;
    (taken * weight).sum().backward();
    auto expected = at::zeros_like(all_);
    for (size_t i = 0; i < numbers.size(); ++i) {
      expected.select(1, numbers[i]).add_(weight.select(1, static_cast<int64_t>(i)));
    }
    EXPECT_TRUE(x.grad().equal(expected));
  }
}

}  // namespace
}  // namespace eddyline
