#include "solvers/numerics/numpy_random.hpp"

#include <bit>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

namespace eddyline {
namespace {

/// FNV-1a over 64-bit words: one differing bit among all draws changes it.
class Hash {
 public:
  void add(uint64_t word) { value_ = (value_ ^ word) * 0x100000001b3ULL; }
  void add(double value) { add(std::bit_cast<uint64_t>(value)); }
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0xcbf29ce484222325ULL;
};

struct Reference {
  uint64_t seed;
  uint64_t hash;
};

// Hashes of np.random.default_rng(seed).standard_normal(200000), numpy 2.4.6; each seed holds 36 to
// 63 draws from the tail.
constexpr Reference kNormals[] = {
    {0ULL, 0x1ed1c4bc6d6caf9fULL},
    {1ULL, 0x930c4c62cc8d5786ULL},
    {2ULL, 0xc1b789ef6892b73dULL},
    {3ULL, 0xa6ef9639c67cdd8eULL},
    {4ULL, 0x8e0ac57ccd8d57cdULL},
    {5ULL, 0x438a2fd4e306430fULL},
    {6ULL, 0x3f032fb92cf348f9ULL},
    {7ULL, 0xa5ced82f338d1d62ULL},
    {8ULL, 0x75dfcf1875247e62ULL},
    {9ULL, 0xa01b0c82a85770c4ULL},
    {10ULL, 0x2437f1c25a4fbf63ULL},
    {11ULL, 0xc191aca33bdc5aeaULL},
    {12ULL, 0x6a2f7bc15a1ab76eULL},
    {13ULL, 0xf43636505ca036beULL},
    {14ULL, 0xf6a7d7be074dfec7ULL},
    {15ULL, 0xbf1aac9485678a1cULL},
    {16ULL, 0x943c7b6c4f1e2d36ULL},
    {17ULL, 0x7ac408abc6f79eadULL},
    {18ULL, 0x072275774bd45b60ULL},
    {19ULL, 0x3194454ca5457a06ULL},
    {20ULL, 0x6572f0a86965e7b7ULL},
    {4294967301ULL, 0x98904fe7bdcce3bdULL},
    {9223372036854775819ULL, 0xa5e2920852f1bb69ULL},
};

TEST(NumpyGenerator, DrawsTheNormalsOfNumpyBitForBit) {
  for (auto const& reference : kNormals) {
    NumpyGenerator generator(reference.seed);
    Hash hash;
    for (int i = 0; i < 200000; ++i) {
      hash.add(generator.standard_normal());
    }
    EXPECT_EQ(hash.value(), reference.hash) << "seed " << reference.seed;
  }
}

TEST(NumpyGenerator, StartsWithTheKnownValues) {
  NumpyGenerator zero(0);
  EXPECT_EQ(zero.standard_normal(), 0x1.017ed89db8441p-3);
  NumpyGenerator seven(7);  // numpy also mixes the kinds of draw in one stream
  EXPECT_EQ(seven.standard_normal(), 0x1.427a31c1ffc58p-10);
  EXPECT_EQ(seven.standard_normal(), 0x1.31ea59a5b303ep-2);
  EXPECT_EQ(seven.standard_normal(), -0x1.18b7980d81558p-2);
  EXPECT_EQ(seven.random(), 0x1.cd396d5eab510p-3);
  EXPECT_EQ(seven.uniform(0.3, 0.7), 0x1.ae25ea8e7d254p-2);
}

TEST(NumpyGenerator, TakesSeedsOfMoreThan32Bits) {
  NumpyGenerator generator(9223372036854775819ULL);  // 2^63 + 11
  EXPECT_EQ(generator.standard_normal(), 0x1.d125fc33bf8e9p-3);
  EXPECT_EQ(generator.standard_normal(), -0x1.f4044a73cafc8p-2);
}

TEST(NumpyGenerator, DrawsTheTailOfNumpy) {
  struct Draw {
    int index;
    double value;
  };
  // Draws of seed 0 beyond the last layer, of both signs.
  constexpr Draw kTail[] = {{303, -0x1.e2d9e98d87bc6p+1},
                            {478, -0x1.f3204051f2938p+1},
                            {10477, 0x1.f907c5aa2ff63p+1},
                            {13325, -0x1.f5ad782db91bdp+1}};
  NumpyGenerator generator(0);
  int drawn = 0;
  for (auto const& draw : kTail) {
    for (; drawn < draw.index; ++drawn) {
      generator.standard_normal();
    }
    EXPECT_EQ(generator.standard_normal(), draw.value);
    EXPECT_GT(std::abs(draw.value), Ziggurat::kTailStart);
    ++drawn;
  }
}

TEST(NumpyGenerator, GivesTheRawIntegersOfPcg64) {
  NumpyGenerator generator(42);
  EXPECT_EQ(generator.integer(), 0xc621fbcd16d92688ULL);
  EXPECT_EQ(generator.integer(), 0x705a5661a791ffc1ULL);
  EXPECT_EQ(generator.integer(), 0xdbcd12c26eda1624ULL);
}

TEST(NumpyGenerator, FillsInMemoryOrder) {
  std::vector<double> values(1000);
  NumpyGenerator(3).fill_standard_normal(values);
  NumpyGenerator one_by_one(3);
  for (auto const value : values) {
    ASSERT_EQ(value, one_by_one.standard_normal());
  }
}

TEST(Ziggurat, HasTheConstantsOfNumpy) {
  auto const& tables = Ziggurat::numpy();
  Hash width;
  Hash height;
  Hash inside;
  for (size_t i = 0; i < 256; ++i) {
    width.add(tables.width[i]);
    height.add(tables.height[i]);
    inside.add(tables.inside[i]);
  }
  // Hashes of the constants in numpy 2.4.6's compiled generator.
  EXPECT_EQ(width.value(), 0xd986c81d16602f41ULL);
  EXPECT_EQ(height.value(), 0xf4029a20099d656ULL);
  EXPECT_EQ(inside.value(), 0x7ea1a7e349ac15b9ULL);
}

}  // namespace
}  // namespace eddyline
