#include "surrogates/layers/ring_attention.hpp"

#include <cmath>
#include <memory>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/process_group.hpp"
#include "tests/numbers.hpp"

namespace eddyline {
namespace {

constexpr int64_t kTimes = 3, kHeads = 2, kWidth = 4;

/// Softmax of scaled scores over all tokens, written out: (B, r, n, heads, d) of each.
at::Tensor by_hand(std::array<at::Tensor, 3> const& qkv,
                   at::Tensor const& hidden,
                   at::Tensor const& factors) {
  auto const rows = [](at::Tensor const& x) { return x.flatten(1, 2).transpose(1, 2); };
  auto scores = at::matmul(rows(qkv[0]), rows(qkv[1]).transpose(-2, -1)) / std::sqrt(kWidth * 1.0);
  if (hidden.defined()) {
    scores = scores.masked_fill(hidden, -INFINITY);
  }
  auto share = at::softmax(scores, -1);
  share = factors.defined() ? share * factors : share;
  return at::matmul(share, rows(qkv[2])).transpose(1, 2).reshape(qkv[0].sizes());
}

/// Tokens of all ranks: rank i has i + 2 at each of three times; queries of the newest two.
class RingAttentionOf : public testing::Test {
 protected:
  RingAttentionOf() {
    for (int rank = 0; rank < world_.size(); ++rank) {
      ranks_.sizes.push_back(rank + 2);
    }
    ranks_.group = mesh_->group();
    ranks_.rank = world_.rank();
    cells_ = ranks_.total();
    whole_ = {numbers({2, 2, cells_, kHeads, kWidth}, 1).to(at::kDouble),
              numbers({2, kTimes, cells_, kHeads, kWidth}, 2).to(at::kDouble),
              numbers({2, kTimes, cells_, kHeads, kWidth}, 3).to(at::kDouble)};
  }
  at::Tensor own(at::Tensor const& tokens) const {
    return tokens.narrow(2, ranks_.first(), ranks_.own());
  }
  /// Compares the result and the three gradients of Σ sin(weights) · result with those by hand.
  void expect_equal(RingAttention const& ring,
                    at::Tensor const& hidden = {},
                    at::Tensor const& factors = {}) const {
    auto const weights = at::sin(5 * whole_[0]);
    std::array<at::Tensor, 3> all, part;
    for (size_t i = 0; i < 3; ++i) {
      all[i] = whole_[i].clone().set_requires_grad(true);
      part[i] = own(whole_[i]).clone().set_requires_grad(true);
    }
    auto const expected = by_hand(all, hidden, factors);
    (expected * weights).sum().backward();
    auto const result = ring(part);
    (result * own(weights)).sum().backward();
    EXPECT_LE((result - own(expected)).abs().max().item<double>(), kRoundOff);
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_LE((part[i].grad() - own(all[i].grad())).abs().max().item<double>(), kRoundOff) << i;
    }
  }
  /// Time of every token, in rows.
  at::Tensor times(int64_t first, int64_t count) const {
    return at::arange(first, first + count).repeat_interleave(cells_);
  }

  static constexpr double kRoundOff = 1e-13;  // float64 sums of some tens of terms of size one
  Communicator world_ = Communicator::world();
  std::shared_ptr<Mesh const> mesh_ =
      std::make_shared<Mesh>(world_, std::array<int, 3>{1, 1, world_.size()});
  AxisParts ranks_;
  int64_t cells_ = 0;
  std::array<at::Tensor, 3> whole_;
};

TEST_F(RingAttentionOf, AllTokensIsThatOfOneRankOnManyRanks) {
  expect_equal({.ranks = ranks_});
}

TEST_F(RingAttentionOf, ThePastMeetsNoLaterKeysOnManyRanks) {
  expect_equal({.ranks = ranks_, .sight = Sight::past},
               times(0, kTimes).unsqueeze(0) > times(1, 2).unsqueeze(1));
}

TEST_F(RingAttentionOf, DroppedSharesIsThatOfOneRankOnManyRanks) {
  auto const factors =
      at::floor(4 * at::abs(numbers({2, kHeads, 2 * cells_, kTimes * cells_}, 4))).to(at::kDouble);
  auto const of = [this](at::Tensor const& x, int64_t axis, int rank) {
    auto const size = ranks_.sizes[static_cast<size_t>(rank)];
    return x.unflatten(axis, {-1, cells_})
        .narrow(axis + 1, ranks_.first(rank), size)
        .flatten(axis, axis + 1);
  };
  RingAttention ring{.ranks = ranks_};
  ring.factors = [&](int source) { return of(of(factors, 3, source), 2, ranks_.rank); };
  expect_equal(ring, {}, factors);
}

TEST_F(RingAttentionOf, BfloatInFlightLosesThreeDigitsOnManyRanks) {
  RingAttention ring{.ranks = ranks_, .flight = Flight::bf16};
  auto const expected = own(by_hand(whole_, {}, {}));
  auto const error = (ring({own(whole_[0]), own(whole_[1]), own(whole_[2])}) - expected)
                         .abs()
                         .max()
                         .item<double>();
  EXPECT_GT(error, 1e-6);
  EXPECT_LT(error, 0.03);
}

TEST_F(RingAttentionOf, SendsKeysAndValuesRoundAndBackwardsTheirGradientsTooOnManyRanks) {
  if (world_.size() != 2) {
    return;  // pieces of unlike sizes: on two ranks the formula is plain
  }
  auto const before = counters_of(*ranks_.group).kinds["attention"].sent;
  expect_equal({.ranks = ranks_});
  auto const sent = counters_of(*ranks_.group).kinds["attention"].sent - before;
  auto const bytes = [this](int rank) {  // of keys, as many of values
    return 2 * kTimes * ranks_.sizes[static_cast<size_t>(rank)] * kHeads * kWidth * 8;
  };
  // Own keys and values, forwards and backwards; the gradients of the other's.
  EXPECT_EQ(sent, 4 * bytes(ranks_.rank) + 2 * bytes(1 - ranks_.rank));
}

}  // namespace
}  // namespace eddyline
