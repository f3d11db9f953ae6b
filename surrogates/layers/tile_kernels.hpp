// The instructions behind tile_product.hpp: memory laid out, no tensors.
#pragma once

#include <cstdint>

#include "surrogates/layers/row_kernels.hpp"

namespace eddyline::tiles {

constexpr int64_t kSide = 16;   ///< rows of a left-hand tile, columns of a right-hand one
constexpr int64_t kDepth = 32;  ///< bfloat16 numbers along k of both
constexpr int64_t kTile = kSide * kDepth;
constexpr int kPieces = 3;  ///< bfloat16 numbers that hold one of float32

/// Whether this program has the instructions at all.
bool are_compiled();

/// While one lives, this thread's tile registers are ours.
class Session {
 public:
  Session();
  ~Session();
  Session(Session const&) = delete;
  Session& operator=(Session const&) = delete;
};

struct Range {
  int64_t first, count;
};

/// x (rows, depth) float32, contiguous along depth.
struct Rows {
  float const* data;
  int64_t stride, rows, depth;
};

/// What split_rows has written of some rows and steps.
struct Panel {
  uint16_t const* data;
  Range rows, steps;
};

/// W as tiles: (columns / 16, steps, pieces, kTile), an even number of columns of tiles.
struct Columns {
  uint16_t const* data;
  int64_t steps;
  int pieces;
};

/// y (rows, columns) float32, contiguous along columns.
struct Result {
  float* data;
  int64_t stride, columns;
  float const* bias;  ///< (columns) or null
  rows::End end;
  bool onto;  ///< y is added to
};

/// W (columns, depth) of any strides.
struct Weight {
  float const* data;
  int64_t columns, depth, column_stride, depth_stride;
};

/// Writes the tiles of `weight` over zeros.
void split_columns(Weight const& weight, int pieces, uint16_t* out);

/// Writes tiles of rows: (rows / 16, steps, pieces, kTile), an even number of rows of tiles, zeros
/// outside x.
void split_rows(Rows const& x, Range rows, Range steps, int pieces, uint16_t* out);

/// Adds the panel's product with 32 columns to y; the first steps begin y unless it is added to,
/// the last ones add the bias and apply the activation.
void multiply_panel(Panel const& panel, int64_t pair, Columns const& w, Result const& y);

}  // namespace eddyline::tiles
