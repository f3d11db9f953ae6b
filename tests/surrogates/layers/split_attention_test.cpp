#include "surrogates/layers/split_attention.hpp"

#include <memory>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/largest_tensor.hpp"
#include "tests/numbers.hpp"

namespace eddyline {
namespace {

constexpr int64_t kWidth = 4;

/// Attention over 3 × 5 tokens of each of two times, H and W divided over the ranks.
class SplitAttentionOf : public testing::Test {
 protected:
  static std::array<int, 3> parts() {
    auto const ranks = Communicator::world().size();
    return ranks == 4 ? std::array<int, 3>{1, 2, 2} : std::array<int, 3>{1, 1, ranks};
  }
  at::Tensor own(at::Tensor const& tokens) const {  // (B, t, 15, C)
    return tokens.unflatten(2, {3, 5})
        .narrow(2, sharding_.axis(1).first(), sharding_.axis(1).own())
        .narrow(3, sharding_.axis(2).first(), sharding_.axis(2).own())
        .flatten(2, 3);
  }
  /// All tokens of all times meet.
  static at::Tensor attend(std::array<at::Tensor, 3> const& qkv, int64_t heads) {
    auto const in_heads = [heads](at::Tensor const& x) {
      return x.flatten(1, 2).unflatten(2, {heads, -1}).transpose(1, 2);
    };
    return at::scaled_dot_product_attention(in_heads(qkv[0]), in_heads(qkv[1]), in_heads(qkv[2]))
        .transpose(1, 2)
        .reshape(qkv[0].sizes());
  }
  void expect_that_of_one_rank(int64_t heads) {
    std::array<at::Tensor, 3> all, part;
    for (size_t i = 0; i < 3; ++i) {
      auto const x = numbers({2, 2, 15, heads * kWidth}, i + 1).to(at::kDouble);
      all[i] = x.clone().set_requires_grad(true);
      part[i] = own(x).clone().set_requires_grad(true);
    }
    auto const weights = at::sin(7 * all[0].detach());
    auto const expected = attend(all, heads);
    (expected * weights).sum().backward();
    SplitAttention const split(sharding_, heads);
    auto const result =
        split(part, [](auto const& qkv, HeadRange range) { return attend(qkv, range.count); }, {});
    (result * own(weights)).sum().backward();
    constexpr double kRoundOff = 1e-13;  // float64 sums of some tens of terms of size one
    EXPECT_LE((result - own(expected)).abs().max().item<double>(), kRoundOff);
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_LE((part[i].grad() - own(all[i].grad())).abs().max().item<double>(), kRoundOff) << i;
    }
  }

  Sharding sharding_{std::make_shared<Mesh>(Communicator::world(), parts()), {1, 3, 5}};
};

TEST_F(SplitAttentionOf, ManyHeadsIsThatOfOneRankOnManyRanks) {
  EXPECT_TRUE(SplitAttention(sharding_, 4).is_by_heads());
  expect_that_of_one_rank(4);
}

TEST_F(SplitAttentionOf, HeadsThatTheRanksDoNotDivideIsThatOfOneRankOnManyRanks) {
  expect_that_of_one_rank(5);
}

TEST_F(SplitAttentionOf, FewerHeadsThanRanksIsThatOfOneRankOnManyRanks) {
  EXPECT_FALSE(SplitAttention(sharding_, 1).is_by_heads());
  expect_that_of_one_rank(1);
}

TEST_F(SplitAttentionOf, GivesTheHeadsTheirNumbersAndTheTokensTheOrderOfOneRankOnManyRanks) {
  auto const order = at::arange(15, at::kDouble).view({1, 1, 15, 1}).expand({1, 1, 15, 5});
  auto const whole = order + 100 * at::arange(5, at::kDouble);
  HeadRange range;
  std::array<at::Tensor, 3> seen;
  auto const tokens = own(whole).contiguous();
  (void)SplitAttention(sharding_, 5)({tokens, tokens, tokens},
                                     [&](auto const& qkv, HeadRange own) {
                                       range = own;
                                       seen = qkv;
                                       return qkv[0];
                                     },
                                     {});
  for (auto const& x : seen) {
    EXPECT_TRUE(at::equal(x, whole.narrow(3, range.first, range.count)));
  }
}

TEST_F(SplitAttentionOf, KnowsWhichTokensEachRankHasOnManyRanks) {
  SplitAttention const split(sharding_, 2);
  EXPECT_EQ(split.total(), 15);
  auto const all = at::arange(15, at::kLong).view({1, 1, 15, 1});
  EXPECT_TRUE(at::equal(split.numbers(), own(all).flatten()));
  std::vector<at::Tensor> of_ranks;
  for (int rank = 0; rank < Communicator::world().size(); ++rank) {
    of_ranks.push_back(split.numbers(rank));
  }
  EXPECT_TRUE(at::equal(std::get<0>(at::cat(of_ranks).sort()), all.flatten()));
}

TEST_F(SplitAttentionOf, FewHeadsKeepsNoListOfTheTokensOfAllRanksOnManyRanks) {
  EXPECT_EQ(largest_tensor([&] { (void)SplitAttention(sharding_, 1); }), 0);
}

}  // namespace
}  // namespace eddyline
