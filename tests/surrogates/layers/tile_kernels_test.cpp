#include "surrogates/layers/tile_kernels.hpp"

#include <cmath>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "surrogates/layers/tile_product.hpp"

namespace eddyline {
namespace {

std::vector<float> values(size_t count) {
  std::vector<float> made(count);
  for (size_t i = 0; i < count; ++i) {
    made[i] = std::sin(static_cast<float>(i)) / (1 + static_cast<float>(i % 7));
  }
  return made;
}

float value_of(uint16_t piece) {
  auto const bits = static_cast<uint32_t>(piece) << 16U;
  float value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

TEST(TileKernels, SplitNumbersIntoPiecesThatAddUpToAll24Bits) {
  if (!has_tiles()) {
    GTEST_SKIP() << "this processor has no bfloat16 tiles";
  }
  constexpr int64_t kRows = 20, kColumns = 40;  // two tiles each way, the outer ones in part
  auto const x = values(kRows * kColumns);
  std::vector<uint16_t> tiles(2 * 2 * tiles::kPieces * tiles::kTile, 7);
  tiles::split_rows({.data = x.data(), .stride = kColumns, .rows = kRows, .depth = kColumns},
                    {0, kRows},
                    {0, 2},
                    tiles::kPieces,
                    tiles.data());
  for (int64_t r = 0; r < 32; ++r) {
    for (int64_t k = 0; k < 64; ++k) {
      auto const* const at = tiles.data() + (r / 16 * 2 + k / 32) * tiles::kPieces * tiles::kTile +
                             r % 16 * 32 + k % 32;
      auto const sum =
          value_of(at[0]) + (value_of(at[tiles::kTile]) + value_of(at[2 * tiles::kTile]));
      bool const inside = r < kRows && k < kColumns;
      EXPECT_EQ(sum, inside ? x[static_cast<size_t>(r * kColumns + k)] : 0) << r << ", " << k;
    }
  }
}

TEST(TileKernels, LayWeightsOfAnyStridesOutAlike) {
  if (!has_tiles()) {
    GTEST_SKIP() << "this processor has no bfloat16 tiles";
  }
  constexpr int64_t kColumns = 19, kDepth = 37;
  auto const dense = values(kColumns * kDepth);  // contiguous along depth
  std::vector<float> turned(dense.size()), sparse(2 * dense.size());
  for (int64_t c = 0; c < kColumns; ++c) {
    for (int64_t k = 0; k < kDepth; ++k) {
      auto const value = dense[static_cast<size_t>(c * kDepth + k)];
      turned[static_cast<size_t>(k * kColumns + c)] = value;
      sparse[static_cast<size_t>(2 * (c * kDepth + k))] = value;
    }
  }
  auto const lay = [](float const* data, int64_t column_stride, int64_t depth_stride) {
    std::vector<uint16_t> out(2 * 2 * tiles::kPieces * tiles::kTile);
    tiles::split_columns({.data = data,
                          .columns = kColumns,
                          .depth = kDepth,
                          .column_stride = column_stride,
                          .depth_stride = depth_stride},
                         tiles::kPieces,
                         out.data());
    return out;
  };
  auto const expected = lay(sparse.data(), 2 * kDepth, 2);
  EXPECT_EQ(lay(dense.data(), kDepth, 1), expected);
  EXPECT_EQ(lay(turned.data(), 1, kColumns), expected);
}

}  // namespace
}  // namespace eddyline
