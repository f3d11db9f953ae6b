#include "surrogates/layers/split_tokens.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace eddyline {
namespace {

/// Tokens (B, t, D, H, W) = (2, 2, 3, 2, 5) with D divided over all ranks.
class SplitTokens : public testing::Test {
 protected:
  Communicator world_ = Communicator::world();
  int parts_ = std::min(world_.size(), 3);
  std::shared_ptr<Mesh const> mesh_ = std::make_shared<Mesh>(
      world_.split(world_.rank() < parts_ ? 0 : 1), std::array<int, 3>{parts_of_group(), 1, 1});
  Sharding sharding_{mesh_, {3, 2, 5}};
  TokenRange range_{{7, 9}, 2, sharding_};
  at::Tensor whole_ =
      at::arange(2 * 3 * 2 * 5, at::kLong).view({1, 2, 3, 2, 5}).expand({2, -1, -1, -1, -1});

  int parts_of_group() const { return world_.rank() < parts_ ? parts_ : world_.size() - parts_; }
  at::Tensor own(at::Tensor const& tokens) const {
    return tokens.narrow(2, sharding_.axis(0).first(), sharding_.axis(0).own());
  }
};

TEST_F(SplitTokens, AreNumberedAsOneRankWouldNumberThem) {
  EXPECT_TRUE(at::equal(range_.numbers(), own(whole_)));
  EXPECT_TRUE(at::equal(range_.whole(TokenRange::depth).numbers(), whole_));
  auto const lines = at::arange(2 * 3 * 5, at::kLong).view({1, 2, 3, 1, 5});
  EXPECT_TRUE(at::equal(range_.without(TokenRange::height).numbers()[0], own(lines)[0]));
  auto const rows = range_.places();
  EXPECT_EQ(rows.samples.front(), 7);
  EXPECT_EQ(rows.samples.back(), 9);
}

TEST_F(SplitTokens, ScoresHaveARowForEveryHeadOfALine) {
  auto const lines = range_.without(TokenRange::width);
  auto const rows = score_places(lines.samples(), lines.numbers(), 4);
  ASSERT_EQ(rows.places.size(), 4 * static_cast<size_t>(lines.numbers().numel()));
  EXPECT_EQ(rows.places[1], rows.places[0] + 1);
}

TEST_F(SplitTokens, TravelAsWholeLinesAndBack) {
  auto const values = at::stack({whole_, -whole_}, -1).to(at::kDouble);
  auto const block = own(values).clone().set_requires_grad(true);
  SplitLines const split(sharding_.axis(0), 2, block.sizes(), Flight::as_computed);
  if (!mesh_->is_split()) {
    return;  // one rank holds all lines: nothing travels
  }
  auto const lines = split.begin(block).finish();
  EXPECT_TRUE(at::equal(
      lines,
      values.movedim(2, 0).reshape({3, -1, 2}).narrow(1, split.first_line(), split.lines())));
  auto const again = split.finished(split.begin_back(lines));
  EXPECT_TRUE(at::equal(again, block));
  (again * at::cos(own(values))).sum().backward();
  EXPECT_TRUE(at::allclose(block.grad(), at::cos(own(values)), 1e-14, 1e-14));
}

TEST_F(SplitTokens, DropWhatOneRankWouldDrop) {
  Pass pass{.training = true, .random = {.seed = 5, .step = 3}, .samples = {7, 9}};
  auto const x = at::ones({2, 2, 3, 2, 5, 6});
  auto const all = drop(x, 0.5, 9, pass);
  pass.places = std::make_shared<RowPlaces>(range_.places());
  EXPECT_TRUE(at::equal(drop(own(x).contiguous(), 0.5, 9, pass), own(all)));
}

}  // namespace
}  // namespace eddyline
