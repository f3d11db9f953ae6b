#include "data/sharding/collectives.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/process_group.hpp"
#include "data/sharding/sharding.hpp"

namespace eddyline {
namespace {

/// Every rank knows the whole of what the ranks hold pieces of.
class Collectives : public testing::Test {
 protected:
  Communicator world_ = Communicator::world();
  std::shared_ptr<Mesh const> mesh_ =
      std::make_shared<Mesh>(world_, std::array<int, 3>{1, world_.size(), 1});
  Sharding sharding_{mesh_, {1, 11, 1}};  // pieces of 6 and 5, or 3, 3, 3 and 2
  AxisParts const& parts_ = sharding_.axis(1);
  at::Tensor whole_ = numbers({2, 11, 3}, 1);

  static at::Tensor numbers(std::vector<int64_t> const& sizes, uint64_t seed) {
    torch::manual_seed(seed);
    return at::randn(sizes, at::kDouble);
  }
  at::Tensor piece(at::Tensor const& whole) const {
    return whole.narrow(1, parts_.first(), parts_.own()).clone();
  }
  at::Tensor leaf() const { return piece(whole_).set_requires_grad(true); }
};

TEST_F(Collectives, ASumIsOfAllRanksAndItsGradientToo) {
  auto const x = at::full({2}, world_.rank() + 1.0).set_requires_grad(true);
  auto const ranks = world_.size();
  auto const sum = sum_over(x, mesh_->group());
  EXPECT_EQ(sum[0].item<double>(), ranks * (ranks + 1) / 2.0);
  (sum * (world_.rank() + 1.0)).sum().backward();  // another loss on every rank
  EXPECT_EQ(x.grad()[0].item<double>(), ranks * (ranks + 1) / 2.0);
}

TEST_F(Collectives, GatherRanksGivesWhatAllHoldInTheirOrderAndNoGradient) {
  auto const of = [](int rank) { return numbers({2, 3}, 10 + static_cast<uint64_t>(rank)); };
  // Not contiguous, as a piece of something may be.
  auto const x = of(world_.rank()).t().contiguous().t().set_requires_grad(true);
  auto const all = gather_ranks(x, mesh_->group());
  ASSERT_EQ(all.size(0), world_.size());
  for (int rank = 0; rank < world_.size(); ++rank) {
    EXPECT_TRUE(at::equal(all[rank], of(rank))) << rank;
  }
  EXPECT_FALSE(all.requires_grad());
  if (mesh_->group()) {
    auto const sent = counters_of(*mesh_->group()).kinds.at("reduction");
    EXPECT_EQ(sent.sent, (world_.size() - 1) * 2 * 3 * 8);  // float64
  }
}

/// The whole axis with a border, as libtorch has it.
at::Tensor extended(at::Tensor const& whole, HaloWidth width, Border border) {
  auto const ends = [&](int64_t place) {
    auto const n = whole.size(1);
    return border == Border::periodic ? (place % n + n) % n : std::clamp<int64_t>(place, 0, n - 1);
  };
  std::vector<at::Tensor> layers;
  for (int64_t i = -width.before; i < whole.size(1) + width.after; ++i) {
    auto const layer = whole.select(1, ends(i));
    bool const is_beyond = i < 0 || i >= whole.size(1);
    layers.push_back(border == Border::zero && is_beyond ? at::zeros_like(layer) : layer);
  }
  return at::stack(layers, 1);
}

class Halos : public Collectives, public testing::WithParamInterface<Border> {};

TEST_P(Halos, AreTheNeighboursLayersOrTheBorderWhateverTheirWidth) {
  for (HaloWidth const width :
       {HaloWidth{1, 1}, HaloWidth{0, 2}, HaloWidth{4, 0}, HaloWidth{5, 7}}) {
    auto const whole = whole_.clone().set_requires_grad(true);
    auto const expected = extended(whole, width, GetParam());
    auto const x = leaf();
    auto const block = with_halo(x, 1, parts_, width, GetParam());
    auto const own = parts_.own() + width.before + width.after;
    EXPECT_TRUE(at::equal(block, expected.narrow(1, parts_.first(), own)));

    // The loss of all ranks: each weighs its own extended block.
    auto const weights = numbers({2, 40, 3}, 3).narrow(1, 0, 11 + width.before + width.after);
    (block * weights.narrow(1, parts_.first(), own)).sum().backward();
    at::Tensor loss = at::zeros({}, at::kDouble);
    for (int rank = 0; rank < parts_.ranks(); ++rank) {
      auto const size = parts_.sizes[static_cast<size_t>(rank)] + width.before + width.after;
      auto const first = parts_.first(rank);
      loss = loss + (expected.narrow(1, first, size) * weights.narrow(1, first, size)).sum();
    }
    loss.backward();
    EXPECT_TRUE(at::allclose(x.grad(), piece(whole.grad()), 1e-13, 1e-13));
  }
}

INSTANTIATE_TEST_SUITE_P(,
                         Halos,
                         testing::Values(Border::zero, Border::replicate, Border::periodic));

TEST_F(Collectives, SendAHaloOfTheNeighboursLayersOnlyOnManyRanks) {
  with_halo(leaf().detach(), 1, parts_, {1, 1}, Border::zero);
  auto const halo = counters_of(*mesh_->group()).kinds.at("halo");
  auto const neighbours = (parts_.rank > 0) + (parts_.rank + 1 < parts_.ranks());
  EXPECT_EQ(halo.sent, neighbours * 2 * 3 * 8);  // (2, 1, 3) float64
}

TEST_F(Collectives, CountAnAllReduceByTheFewestBytesThatItNeeds) {
  if (!mesh_->group()) {
    return;
  }
  sum_over(at::ones({100}), mesh_->group());
  auto const sum = counters_of(*mesh_->group()).kinds.at("reduction");
  EXPECT_EQ(sum.sent, 800 * (world_.size() - 1) / world_.size());
  EXPECT_EQ(sum.largest, sum.sent);
}

}  // namespace
}  // namespace eddyline
