// What a network sends when samples are split, counted, against the formula; and what attention
// over the same tokens would send in other schemes.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/process_group.hpp"
#include "surrogates/fno/mode_order.hpp"
#include "tests/surrogates/split_comparison.hpp"

namespace eddyline {
namespace {

constexpr int64_t kSamples = 2;  // of SplitSample
constexpr int64_t kFloat = 4;    // bytes

/// A network on a grid of 4 × 8 × 64 cells, or 8 × 64, that is split along W over all ranks.
class SplitBytes : public testing::Test {
 protected:
  using Counts = std::map<std::string, ProcessGroupCounters::Count>;

  SurrogateSpec spec() const {
    ContractCase contract;
    contract.fields = {"density"};
    return spec_of(contract, {4, 8, 64});
  }
  SurrogateSpec plane() const {
    ContractCase contract;
    contract.fields = {"density"};
    contract.axes = {"latitude", "longitude"};
    return spec_of(contract, {8, 64});
  }
  std::shared_ptr<Surrogate> make(std::string const& name,
                                  std::string const& model,
                                  SurrogateSpec const& spec) const {
    auto const network = surrogate_entry(name).make(model, spec, 1);
    network->eval();
    return network;
  }
  std::shared_ptr<Surrogate> make(std::string const& name, std::string const& model) const {
    return make(name, model, spec());
  }
  /// Of one forward and one backward pass on this rank.
  Counts count(Surrogate& network, SurrogateSpec const& spec) const {
    SplitSample sample(network, spec, {1, 1, ranks_}, at::kFloat);
    (void)sample.run(sample.part(), {});
    return counters_of(*sample.mesh().group()).kinds;
  }
  Counts count(Surrogate& network) const { return count(network, spec()); }
  /// With bfloat16 on their way activations of this kind take half the bytes, and the forecast is
  /// that of one rank to the 8 bits that are left of them.
  void expect_half(Surrogate& network, SurrogateSpec const& spec, char const* kind) const {
    auto const full = count(network, spec).at(kind).sent;
    SplitSample sample(network, spec, {1, 1, ranks_}, at::kFloat, Flight::bf16);
    auto const part = sample.run(sample.part(), {});
    EXPECT_EQ(counters_of(*sample.mesh().group()).kinds.at(kind).sent * 2, full);
    auto const whole = sample.run(sample.whole(), {});
    auto const error = relative(part.prediction, sample.own(whole.prediction));
    EXPECT_GT(error, 0);
    EXPECT_LT(error, 0.03);
  }
  /// Prints what attention sends in one block forward, and its share of other schemes'.
  /// \param a  bytes of this rank's tokens
  void print(char const* network, int64_t own, int64_t a) const {
    auto const ring = 2 * (ranks_ - 1) * a, ulysses = 4 * a * (ranks_ - 1) / ranks_;
    if (world_.is_root()) {
      std::cout << network << ", P = " << ranks_ << ", forward, one block: " << own
                << " bytes a rank, " << static_cast<double>(own) / static_cast<double>(ring)
                << " of ring, " << static_cast<double>(own) / static_cast<double>(ulysses)
                << " of Ulysses\n";
    }
  }
  Communicator world_ = Communicator::world();
  int ranks_ = world_.size();
};

TEST_F(SplitBytes, OfMorphAreOneWayThereAndBackOfEachBlocksTokensOnManyRanks) {
  constexpr int64_t kDim = 32, kDepth = 3, kFilters = 8;
  auto const network = make("morph",
                            "{dim: 32, heads: 2, depth: 3, mlp_dim: 48, heads_xa: 4, filters: 8, "
                            "patch: [1, 1, 4], history: 1, max_patches: 512}");
  auto const counts = count(*network);
  // A: bytes of this rank's tokens (B, 4, 8, 16/P, E).
  auto const a = kSamples * 4 * 8 * (16 / ranks_) * kDim * kFloat;
  auto const one_way = a * (ranks_ - 1) / ranks_;
  EXPECT_EQ(counts.at("attention").sent, kDepth * 4 * one_way);  // there, back; twice backwards

  // One convolution: its input's layer (4, 8, 1) of 8 channels to each neighbour, and its gradient.
  auto const neighbours = (world_.rank() > 0) + (world_.rank() + 1 < ranks_);
  EXPECT_EQ(counts.at("halo").sent, 2 * neighbours * kSamples * kFilters * 4 * 8 * kFloat);

  auto const ring = 2 * (ranks_ - 1) * a, ulysses = 4 * one_way, own = 2 * one_way;
  EXPECT_LE(own * ranks_, 2 * ring);  // forward, a block: at most 2/P of ring attention
  EXPECT_LE(own, ulysses);
  print("MORPH", own, a);
}

TEST_F(SplitBytes, OfClimaxAreThoseOfUlyssesOnManyRanks) {
  constexpr int64_t kDim = 32, kDepth = 2;
  auto const network = make("climax",
                            "{dim: 32, heads: 16, depth: 2, decoder_depth: 0, patch: [1, 4, 4], "
                            "variables: []}",
                            plane());
  auto const counts = count(*network, plane());
  // A: bytes of this rank's tokens (B, 2 · 16/P, D). Queries, keys, values there, results back.
  auto const a = kSamples * 2 * (16 / ranks_) * kDim * kFloat;
  auto const own = 4 * a * (ranks_ - 1) / ranks_;
  EXPECT_EQ(counts.at("attention").sent, kDepth * 2 * own);  // as much backwards
  EXPECT_EQ(counts.size(), 1U);
  print("ClimaX", own, a);
}

TEST_F(SplitBytes, OfClimaxWithOneHeadAreThoseOfARingOnManyRanks) {
  constexpr int64_t kDim = 32, kDepth = 2;
  auto const network = make("climax",
                            "{dim: 32, heads: 1, depth: 2, decoder_depth: 0, patch: [1, 4, 4], "
                            "variables: []}",
                            plane());
  auto const counts = count(*network, plane());
  auto const a = kSamples * 2 * (16 / ranks_) * kDim * kFloat;
  auto const own = 2 * (ranks_ - 1) * a;
  EXPECT_EQ(counts.at("attention").sent, kDepth * 3 * own);  // backwards their gradients, too
  EXPECT_LE(counts.at("attention").largest, 2 * a);  // never more than one rank's keys and values
  print("ClimaX with one head", own, a);
}

TEST_F(SplitBytes, OfGphytAreThoseOfUlyssesAndALayerOfCellsForItsDifferencesOnManyRanks) {
  constexpr int64_t kDim = 32, kTimes = 2;
  auto const network = make("gphyt",
                            "{hidden_dim: 32, mlp_dim: 32, num_heads: 16, num_layers: 2, history: "
                            "2, patch: [1, 4, 4]}",
                            plane());
  auto const counts = count(*network, plane());
  // A: bytes of this rank's tokens (B, 2, 2 · 16/P, C). In the last block queries and results are
  // of the newest time alone.
  auto const a = kSamples * kTimes * 2 * (16 / ranks_) * kDim * kFloat;
  auto const both = (4 * a + 3 * a) * (ranks_ - 1) / ranks_;
  EXPECT_EQ(counts.at("attention").sent, 2 * both);  // as much backwards
  auto const neighbours = (world_.rank() > 0) + (world_.rank() + 1 < ranks_);
  EXPECT_EQ(counts.at("halo").sent, neighbours * kSamples * kTimes * 8 * kFloat);  // no gradient
  EXPECT_EQ(counts.size(), 2U);
  print("GPhyT", 4 * a * (ranks_ - 1) / ranks_, a);
}

TEST_F(SplitBytes, OfGphytWithAttentionInTimeAreOfNoAttentionOnManyRanks) {
  auto const network = make("gphyt",
                            "{hidden_dim: 32, mlp_dim: 32, num_heads: 16, num_layers: 2, history: "
                            "2, patch: [1, 4, 4], attention: temporal}",
                            plane());
  auto const counts = count(*network, plane());
  EXPECT_FALSE(counts.contains("attention"));
  EXPECT_TRUE(counts.contains("halo"));
}

TEST_F(SplitBytes, OfGphytsOverlapsAreTheLayersThatKernelsReachOnManyRanks) {
  constexpr int64_t kDim = 32, kTimes = 2, kFields = 1;
  auto const network = make("gphyt",
                            "{hidden_dim: 32, mlp_dim: 32, num_heads: 16, num_layers: 1, history: "
                            "2, patch: [1, 4, 4], attention: temporal, derivatives: false, "
                            "tokenizer: {overlap: 2}, detokenizer: {overlap: 2}}",
                            plane());
  auto const counts = count(*network, plane());
  // One layer of cells of the input, and of 2 tokens of all times; their gradients.
  auto const neighbours = (world_.rank() > 0) + (world_.rank() + 1 < ranks_);
  EXPECT_EQ(counts.at("halo").sent,
            2 * neighbours * kSamples * kTimes * (8 * kFields + 2 * kDim) * kFloat);
}

/// U-Net on 4 × 8 × 64 cells: its levels are 4 × 8 × 64, 2 × 4 × 32 and 2 × 2 × 16.
struct UnetBytes {
  int64_t features = 4;
  std::array<std::array<int64_t, 3>, 3> cells = {{{4, 8, 64}, {2, 4, 32}, {2, 2, 16}}};

  /// Layers of cells that a rank sends where each needs `width` of them from either side: a rank's
  /// own, to as many neighbours as they reach.
  static int64_t layers(int64_t own, int64_t width, int rank, int ranks) {
    int64_t sent = 0;
    for (int other = 0; other < ranks; ++other) {
      auto const between = (std::abs(other - rank) - 1) * own;
      sent += other == rank ? 0 : std::clamp<int64_t>(width - between, 0, own);
    }
    return sent;
  }
  /// Of a convolution and its gradient.
  int64_t convolution(size_t level, int64_t channels, int64_t width, Communicator const& on) const {
    auto const [d, h, w] = cells[level];
    return 2 * kSamples * channels * d * h * layers(w / on.size(), width, on.rank(), on.size()) *
           kFloat;
  }
};

TEST_F(SplitBytes, OfUnetAreTheLayersThatItsKernelsReachOnManyRanks) {
  UnetBytes const net;
  auto const counts =
      count(*make("unet", "{patch: [2, 4, 4], features: 4, blocks_per_stage: 1, history: 1}"));
  // In and out by 3 cells a side of one input and all features; a block of 7 on each level down,
  // at the neck and on each level up.
  auto sent = net.convolution(0, 1, 1, world_) + net.convolution(0, net.features, 1, world_);
  for (size_t const level : {0, 1, 2, 2, 1}) {
    sent += net.convolution(level, net.features << level, 3, world_);
  }
  EXPECT_EQ(counts.at("halo").sent, sent);
  EXPECT_EQ(counts.size(), 1U);
}

/// FNO on 4 × 8 × 64 cells; every number of cells and modes is a multiple of the ranks.
struct FnoBytes {
  int64_t width = 6, layers = 2;
  int64_t last;  ///< modes on W; on D and H all, 4 and 8

  std::string config() const {
    return concat("{modes: [2, 4, ", last, "], width: 6, layers: 2, projection: 8}");
  }
  std::vector<ModeAxis> axes(Parts parts) const {
    return {{4, 4, parts[0]}, {8, 8, parts[1]}, {64, last, parts[2]}};
  }
  /// There and back; as much backwards.
  int64_t sent(int64_t numbers) const { return layers * 4 * kSamples * width * kFloat * numbers; }
  /// Sums of all kept modes on all ranks, which need no way back.
  int64_t reduced(int ranks) const { return sent(2 * 4 * 8 * last) * (ranks - 1) / ranks; }
};

TEST_F(SplitBytes, OfFnoAreItsKeptModesOnceThereAndBackOnManyRanks) {
  for (int64_t const last : {4, 32}) {
    FnoBytes const net{.last = last};
    auto const counts = count(*make("fno", net.config()));
    // Of 4 · 8 modes of D and H the cells of a rank on W, or the modes there if these are fewer.
    auto const each = std::min<int64_t>(64 / ranks_, last);
    auto const own = net.sent(2 * 4 * 8 * each) * (ranks_ - 1) / ranks_;
    EXPECT_EQ(counts.at("spectrum").sent, own);
    EXPECT_EQ(counts.size(), 1U);
    EXPECT_LE(own, net.reduced(ranks_));
    if (world_.is_root()) {
      std::cout << "FNO with " << last << " modes of 64 cells, P = " << ranks_ << ": " << own
                << " bytes a rank, "
                << static_cast<double>(own) / static_cast<double>(net.reduced(ranks_))
                << " of an all-reduce of the modes\n";
    }
  }
}

TEST_F(SplitBytes, OfIfnoAreThoseOfFnoOnManyRanks) {
  FnoBytes const net{.last = 32};  // as many iterations of one layer
  auto const counts = count(*make("ifno", net.config()));
  auto const each = std::min<int64_t>(64 / ranks_, net.last);
  EXPECT_EQ(counts.at("spectrum").sent, net.sent(2 * 4 * 8 * each) * (ranks_ - 1) / ranks_);
  EXPECT_EQ(counts.size(), 1U);
}

TEST_F(SplitBytes, OfFnoOnPencilsAreThoseOfTheCheapestOrderOnManyRanks) {
  FnoBytes const net{.last = 4};
  auto const network = make("fno", net.config());
  Parts const parts = {1, 2, ranks_ / 2};
  SplitSample sample(*network, spec(), parts, at::kFloat);
  (void)sample.run(sample.part(), {});
  int64_t sent = 0;
  for (auto const a : {size_t{1}, size_t{2}}) {
    sent += parts[a] > 1 ? counters_of(*sample.mesh().line(a)).kinds.at("spectrum").sent : 0;
  }
  auto const axes = net.axes(parts);
  auto const numbers = numbers_sent(axes, mode_order(axes));
  EXPECT_EQ(static_cast<double>(sent), static_cast<double>(net.sent(1)) * numbers);
}

/// What leaves a rank for an all-reduce.
int64_t reduction_of(int ranks, int64_t numbers, int64_t bytes_each) {
  return 2 * numbers * bytes_each * (ranks - 1) / ranks;
}

/// IFactFormer on 4 × 8 × 64 cells, each a token.
struct IFactBytes {
  int64_t dim = 24, heads = 2, width = 12, layers = 3;
  int64_t places = 4 + 8 + 64;  ///< on all axes, of which each has a pooled token

  std::string config(char const* variant) const {
    return concat("{variant: ", variant, ", dim: 24, heads: 2, dim_head: 12, n_layer: 3}");
  }
  /// A: bytes of a rank's tokens.
  int64_t tokens(int ranks) const { return kSamples * 4 * 8 * (64 / ranks) * dim * kFloat; }
};

TEST_F(SplitBytes, OfIFactFormerMAreOneWayThereAndBackOfItsTokensOnManyRanks) {
  IFactBytes const net;
  auto const counts = count(*make("ifactformer", net.config("m")));
  auto const a = net.tokens(ranks_), one_way = a * (ranks_ - 1) / ranks_;
  EXPECT_EQ(counts.at("attention").sent, net.layers * 4 * one_way);  // there, back; and backwards

  // Of each iteration: pooled means, and their gradient; both moments of a head's three columns in
  // float64; on the way back the sum of the gradient over the cells, in both layouts, and a slope
  // of each column.
  auto const pooled = reduction_of(ranks_, kSamples * net.places * net.dim, kFloat);
  auto const moments = net.heads * reduction_of(ranks_, 2 * 3 * kSamples * net.width, 2 * kFloat);
  auto const slopes = reduction_of(ranks_, 2 * kSamples * net.dim, kFloat) +
                      3 * net.heads * reduction_of(ranks_, kSamples * net.width, kFloat);
  EXPECT_EQ(counts.at("reduction").sent, net.layers * (2 * pooled + moments + slopes));
  EXPECT_EQ(counts.size(), 2U);
  auto const ring = 2 * (ranks_ - 1) * a, ulysses = 4 * one_way;
  for (auto const own : {2 * one_way, 2 * one_way + pooled + moments}) {
    EXPECT_LE(own * ranks_, 2 * ring);  // forward, an iteration: at most 2/P of ring attention
    EXPECT_LE(own, ulysses);
    print(own == 2 * one_way ? "IFactFormer-m" : "IFactFormer-m and its reductions", own, a);
  }
}

TEST_F(SplitBytes, OfIFactFormerOAreItsTokensAndOnceItsValuesOnManyRanks) {
  IFactBytes const net;
  auto const counts = count(*make("ifactformer", net.config("o")));
  auto const one_way = net.tokens(ranks_) * (ranks_ - 1) / ranks_;
  auto const wide = one_way * net.heads * net.width / net.dim;
  // Tokens go there; values come back, and again on the way back, and their gradients go there.
  EXPECT_EQ(counts.at("attention").sent, net.layers * (2 * one_way + 3 * wide));
}

// Of the axes between ranks, of heads, and of kept modes.
TEST_F(SplitBytes, AreHalfWithBfloat16InFlightOnTwoRanks) {
  expect_half(*make("morph",
                    "{dim: 32, heads: 2, depth: 1, mlp_dim: 48, heads_xa: 4, filters: 8, patch: "
                    "[1, 1, 4], history: 1, max_patches: 512}"),
              spec(),
              "attention");
  expect_half(*make("ifactformer", IFactBytes().config("m")), spec(), "attention");
  expect_half(*make("climax",
                    "{dim: 32, heads: 16, depth: 1, decoder_depth: 0, patch: [1, 4, 4], "
                    "variables: []}",
                    plane()),
              plane(),
              "attention");
  expect_half(*make("fno", FnoBytes{.last = 32}.config()), spec(), "spectrum");
}

}  // namespace
}  // namespace eddyline
