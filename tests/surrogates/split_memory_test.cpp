// A rank that shares a sample makes no tensor of all its cells or tokens, in float32, forwards and
// backwards. What a part of a network makes is compared with its share of the whole.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "surrogates/climax/domain.hpp"
#include "surrogates/gphyt/positions.hpp"
#include "surrogates/gphyt/shares.hpp"
#include "surrogates/morph/embedding.hpp"
#include "tests/largest_tensor.hpp"
#include "tests/surrogates/split_comparison.hpp"

namespace eddyline {
namespace {

/// 16 × 24 patches, which H and W divide.
class SplitMemory : public testing::Test {
 protected:
  static constexpr int64_t kHigh = 16, kWide = 24, kAll = kHigh * kWide;

  static Parts parts() {
    auto const ranks = Communicator::world().size();
    return ranks == 4 ? Parts{1, 2, 2} : Parts{1, 1, ranks};
  }
  Box const& box() const { return patches_.block().box; }
  /// This rank's rows of all patches on an axis.
  at::Tensor own(at::Tensor const& all, int64_t axis) const {
    return all.unflatten(axis, {kHigh, kWide})
        .narrow(axis, box().first[1], box().size[1])
        .narrow(axis + 1, box().first[2], box().size[2])
        .flatten(axis, axis + 1);
  }
  int64_t share_of(at::Tensor const& whole) const {
    return static_cast<int64_t>(whole.nbytes()) / ranks_;
  }

  int ranks_ = Communicator::world().size();
  std::shared_ptr<Mesh const> mesh_ = std::make_shared<Mesh>(Communicator::world(), parts());
  Sharding patches_{mesh_, {1, kHigh, kWide}};
};

TEST_F(SplitMemory, OfMorphsResampledPositionsIsAShareOnManyRanks) {
  constexpr int64_t kFrames = 3;
  for (auto const mode : {PositionMode::slice, PositionMode::bilinear}) {
    PositionTable const table(
        MorphConfig{.dim = 8, .max_ar = kFrames, .max_patches = 20, .positions = mode});
    auto& parameter = table.pos_embedding;
    parameter.data().copy_(numbers({1, kFrames, 20, 8}, 1));
    auto const whole = table.forward(kFrames, kAll);
    (whole * at::sin(3 * whole.detach())).sum().backward();
    auto const gradient = parameter.grad().clone();
    parameter.mutable_grad().reset();
    at::Tensor rows;
    auto const largest = largest_tensor([&] {
      rows = table.forward(kFrames, patches_);
      (rows * at::sin(3 * rows.detach())).sum().backward();
    });
    EXPECT_TRUE(at::allclose(rows, own(whole, 2), 1e-6, 1e-6));
    EXPECT_TRUE(at::allclose(sum_over(parameter.grad(), mesh_->group()), gradient, 1e-5, 1e-5));
    EXPECT_LE(largest, share_of(whole));
  }
}

TEST_F(SplitMemory, OfGphytsRotationIsAShareOnManyRanks) {
  at::TensorOptions const options(at::kFloat);
  auto const whole = rotation({3, kHigh, kWide}, 24, options);
  GphytRotation turn;
  auto const largest = largest_tensor([&] {
    turn = rotation({3, box().size[1], box().size[2]}, 24, options, &patches_);
  });
  EXPECT_TRUE(at::equal(turn.cosine, own(whole.cosine, 1)));
  EXPECT_TRUE(at::equal(turn.sine, own(whole.sine, 1)));
  EXPECT_LE(largest, share_of(whole.cosine));
}

/// Factors of all queries of all times for all keys, as one rank draws them, and those of this
/// rank's queries for one rank's keys.
TEST_F(SplitMemory, OfDropoutInARingIsThatOfTheKeysThatAreThereOnManyRanks) {
  constexpr int64_t kRows = 2, kTimes = 3;
  auto const split = std::make_shared<SplitAttention const>(patches_, 1);
  Pass const pass{.training = true, .random = {.seed = 3, .step = 7}, .samples = {5}};
  GphytShareDrop const dropping{
      .groups = {GphytAttentionMode::full, 1}, .probability = 0.3, .site = 9, .pass = pass};
  auto const whole = drop(at::ones({1, 1, kRows * kAll, kTimes * kAll}), 0.3, dropping.site, pass);
  auto const taken = [](at::Tensor const& x, int64_t axis, at::Tensor const& numbers) {
    return x.unflatten(axis, {-1, kAll}).index_select(axis + 1, numbers).flatten(axis, axis + 1);
  };
  auto const factors = share_factors(dropping, split, kRows, kTimes);
  for (int source = 0; source < ranks_; ++source) {
    at::Tensor drawn;
    auto const largest = largest_tensor([&] { drawn = factors(source); });
    EXPECT_TRUE(
        at::equal(drawn, taken(taken(whole, 3, split->numbers(source)), 2, split->numbers())));
    EXPECT_LE(largest, share_of(whole) / ranks_);
  }
}

SurrogateSpec plane(std::vector<int64_t> const& cells) {
  ContractCase contract;
  contract.fields = {"density"};
  contract.axes = {"latitude", "longitude"};
  return spec_of(contract, cells);
}

TEST_F(SplitMemory, OfClimaxsResampledPositionsIsAShareOnManyRanks) {
  constexpr int64_t kDim = 8;
  auto const spec = plane({2 * kHigh, 2 * kWide});
  ClimaxDomain const domain(checked(ClimaxConfig{.variables = {},
                                                 .grid = std::array<int64_t, 2>{8, 10},
                                                 .patch = {1, 2, 2},
                                                 .dim = kDim,
                                                 .heads = 1},
                                    spec),
                            spec);
  auto const table = numbers({1, 20, kDim}, 1);
  auto const whole = domain.positions(table, {2 * kHigh, 2 * kWide});
  at::Tensor rows;
  auto const largest = largest_tensor([&] {
    rows = domain.positions(table, {2 * box().size[1], 2 * box().size[2]}, &patches_);
  });
  EXPECT_TRUE(at::allclose(rows, own(whole, 1), 1e-6, 1e-6));
  EXPECT_LE(largest, share_of(whole));
}

struct SmallTokens {
  std::string network, model;
  std::vector<int64_t> cells;
  int64_t samples;
  int64_t whole;  ///< float32 numbers of what is not to be whole
};

/// Of 64 maps, so that they are larger than the head, whose gradient every rank has.
SmallTokens projection() {
  return {"climax",
          "{variant: projection, variables: [], dim: 8, heads: 1, depth: 1, mlp_ratio: 1, patch: "
          "[1, 4, 4]}",
          {16, 24},
          64,
          64 * 16 * 24};
}

std::ostream& operator<<(std::ostream& out, SmallTokens const& tokens) {
  return out << tokens.network;
}

class SplitMemories : public testing::TestWithParam<SmallTokens> {};

TEST_P(SplitMemories, IsAShareOrTwoOnManyRanks) {
  auto const& [network, yaml, cells, samples, whole] = GetParam();
  auto const spec = plane(cells);
  auto const model = surrogate_entry(network).make(yaml, spec, 1);
  model->eval();
  auto const ranks = Communicator::world().size();
  SplitSample sample(*model,
                     spec,
                     ranks == 4 ? Parts{1, 2, 2} : Parts{1, 1, ranks},
                     make_batch(*model, spec, samples));
  auto const share = whole * static_cast<int64_t>(sizeof(float)) / ranks;
  auto const training = largest_tensor([&] { (void)sample.run(sample.part(), {}); });
  EXPECT_LE(training, share * 3 / 2);
  auto const frozen = model->freeze(Precision::fp32);
  at::NoGradGuard const no_grad;
  auto const forecast = largest_tensor([&] { (void)frozen->predict(sample.part()); });
  EXPECT_LE(forecast, share * 2);
}

INSTANTIATE_TEST_SUITE_P(
    ,
    SplitMemories,
    testing::Values(
        projection(),
        SmallTokens{"morph",
                    "{filters: 8, dim: 64, heads: 2, depth: 1, mlp_dim: 64, heads_xa: 4, patch: "
                    "[1, 2, 2], history: 2, max_patches: 16}",
                    {64, 64},
                    1,
                    2 * 32 * 32 * 64},
        SmallTokens{"gphyt",
                    "{hidden_dim: 24, mlp_dim: 24, num_heads: 4, num_layers: 1, patch: [1, 2, 2], "
                    "history: 3, positions: rope, attention: temporal}",
                    {128, 128},
                    1,
                    3 * 64 * 64 * 24}),
    [](auto const& instance) { return instance.param.network; });

}  // namespace
}  // namespace eddyline
