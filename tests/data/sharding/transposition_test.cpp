#include "data/sharding/transposition.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/process_group.hpp"

namespace eddyline {
namespace {

/// (5, 7, 2) with the first axis divided, then the second.
class Transposing : public testing::Test {
 protected:
  Communicator world_ = Communicator::world();
  std::shared_ptr<Mesh const> mesh_ =
      std::make_shared<Mesh>(world_, std::array<int, 3>{world_.size(), 1, 1});
  Sharding sharding_{mesh_, {5, 1, 1}};
  AxisParts line_ = sharding_.axis(0);
  Layout rows_{.axis = 0, .sizes = line_.sizes};
  Layout columns_{.axis = 1, .sizes = even_sizes(7, world_.size())};
  at::Tensor whole_ = at::arange(70, at::kDouble).view({5, 7, 2});

  at::Tensor piece(at::Tensor const& whole, Layout const& layout) const {
    return whole.split_with_sizes(layout.sizes, layout.axis)[static_cast<size_t>(line_.rank)];
  }
};

TEST_F(Transposing, MakesOneAxisWholeAndDividesAnotherOnManyRanks) {
  Transposition const turn(line_, rows_, columns_, Flight::as_computed);
  EXPECT_TRUE(at::equal(turn(piece(whole_, rows_)), piece(whole_, columns_)));
  Transposition const back(line_, columns_, rows_, Flight::as_computed);
  EXPECT_TRUE(at::equal(back(turn(piece(whole_, rows_))), piece(whole_, rows_)));
}

TEST_F(Transposing, LeavesPiecesOfNoLengthToSomeRanksOnManyRanks) {
  Layout const narrow{.axis = 2, .sizes = even_sizes(2, world_.size())};
  Transposition const turn(line_, rows_, narrow, Flight::as_computed);
  EXPECT_TRUE(at::equal(turn(piece(whole_, rows_)), piece(whole_, narrow)));
}

TEST_F(Transposing, SendsTheGradientBackOnManyRanks) {
  Transposition const turn(line_, rows_, columns_, Flight::as_computed);
  auto const x = piece(whole_, rows_).clone().set_requires_grad(true);
  auto const weights = at::sin(whole_);
  auto const pending = turn.begin(x);
  auto const meanwhile = (x * 3).sum();
  ((pending.finish() * piece(weights, columns_)).sum() + meanwhile).backward();
  EXPECT_TRUE(at::allclose(x.grad(), piece(weights, rows_) + 3, 1e-14, 1e-14));
}

TEST_F(Transposing, SendsAllButItsOwnPartAndHalfOfThatAsBfloat16OnManyRanks) {
  auto const x = piece(whole_, rows_);
  auto const own = x.numel() / 7 * columns_.sizes[static_cast<size_t>(line_.rank)];
  auto const sent = [&] { return counters_of(*mesh_->group()).kinds.at("attention").sent; };
  Transposition(line_, rows_, columns_, Flight::as_computed)(x);
  auto const full = sent();
  EXPECT_EQ(full, (x.numel() - own) * 8);
  auto const rounded = Transposition(line_, rows_, columns_, Flight::bf16)(x);
  EXPECT_EQ(sent() - full, (x.numel() - own) * 2);
  EXPECT_EQ(rounded.scalar_type(), at::kDouble);
  // bfloat16 has eight bits of mantissa.
  EXPECT_TRUE(at::allclose(rounded, piece(whole_, columns_), 1.0 / 256, 0));
}

TEST_F(Transposing, TakesComplexNumbersAndCountsThemUnderTheirKindOnManyRanks) {
  auto const complex = at::complex(whole_, whole_ + 100);
  Transposition const turn(line_, rows_, columns_, Flight::as_computed, "spectrum");
  EXPECT_TRUE(at::equal(turn(piece(complex, rows_)), piece(complex, columns_)));
  auto const kinds = counters_of(*mesh_->group()).kinds;
  EXPECT_GT(kinds.at("spectrum").sent, 0);
  EXPECT_FALSE(kinds.contains("attention"));
}

}  // namespace
}  // namespace eddyline
