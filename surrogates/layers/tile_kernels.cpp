#include "surrogates/layers/tile_kernels.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#define EDDYLINE_TILES \
  __attribute__((target("amx-tile,amx-bf16,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma")))
#endif

namespace eddyline::tiles {

#if defined(__x86_64__)

namespace {

constexpr int64_t kPair = 2 * kSide;
constexpr int64_t kTileRow = 64;  // bytes
constexpr int64_t kVector = 16;   // float32 numbers

/// The operand of LDTILECFG: eight tiles of 16 rows of 64 bytes.
struct alignas(64) TileShapes {
  uint8_t palette = 1, start = 0, unused[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

EDDYLINE_TILES inline __m512 widen(__m512i half) {
  return _mm512_castsi512_ps(half);
}

/// Two vectors as 32 bfloat16 numbers; both keep what rounding left over.
EDDYLINE_TILES inline __m512i take_piece(__m512& low, __m512& high) {
  auto const piece = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low));
  low = _mm512_sub_ps(
      low, widen(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(piece)), 16)));
  high = _mm512_sub_ps(
      high,
      widen(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(piece, 1)), 16)));
  return piece;
}

EDDYLINE_TILES inline __mmask16 mask_of(int64_t count) {
  return static_cast<__mmask16>((1U << std::clamp<int64_t>(count, 0, kVector)) - 1U);
}

/// 32 numbers of which `count` are there, as tile rows of the pieces kTile apart.
EDDYLINE_TILES inline void split_row(float const* from, int64_t count, int pieces, uint16_t* to) {
  auto low = _mm512_maskz_loadu_ps(mask_of(count), from);
  auto high = _mm512_maskz_loadu_ps(mask_of(count - kVector), from + kVector);
  for (int piece = 0; piece < pieces; ++piece) {
    _mm512_storeu_si512(to + piece * kTile, take_piece(low, high));
  }
}

/// Four tiles of y, 32 × 32, for `steps` of k: two rows of tiles against two columns.
struct Block {
  uint16_t const* rows[2];
  uint16_t const* columns[2];
  int64_t steps;
  float* y;
  int64_t stride;        ///< bytes
  char const* ahead[2];  ///< columns of the next block, to be in the cache by then:
  int64_t ahead_lines;   ///< of each, a step
};

constexpr int64_t kLine = 64;

/// Asks for what the next step's share of `ahead` is.
EDDYLINE_TILES inline void fetch_ahead(Block const& block, int64_t step) {
  auto const first = step * block.ahead_lines * kLine;
  for (int64_t i = 0; i < block.ahead_lines; ++i) {
    _mm_prefetch(block.ahead[0] + first + i * kLine, _MM_HINT_T1);
    _mm_prefetch(block.ahead[1] + first + i * kLine, _MM_HINT_T1);
  }
}

// Registers 0 to 3 are of y, 4 and 5 of rows, 6 and 7 of columns.
EDDYLINE_TILES void begin_block(Block const& block, bool fresh) {
  if (fresh) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    return;
  }
  auto* const below = reinterpret_cast<char*>(block.y) + kSide * block.stride;
  _tile_loadd(0, block.y, block.stride);
  _tile_loadd(1, block.y + kSide, block.stride);
  _tile_loadd(2, below, block.stride);
  _tile_loadd(3, below + kTileRow, block.stride);
}

EDDYLINE_TILES void end_block(Block const& block) {
  auto* const below = reinterpret_cast<char*>(block.y) + kSide * block.stride;
  _tile_stored(0, block.y, block.stride);
  _tile_stored(1, block.y + kSide, block.stride);
  _tile_stored(2, below, block.stride);
  _tile_stored(3, below + kTileRow, block.stride);
}

#define EDDYLINE_LOAD_COLUMNS(piece)                  \
  _tile_loadd(6, columns0 + (piece)*kTile, kTileRow); \
  _tile_loadd(7, columns1 + (piece)*kTile, kTileRow);
#define EDDYLINE_MULTIPLY_ROWS(piece)              \
  _tile_loadd(4, rows0 + (piece)*kTile, kTileRow); \
  _tile_dpbf16ps(0, 4, 6);                         \
  _tile_dpbf16ps(1, 4, 7);                         \
  _tile_loadd(5, rows1 + (piece)*kTile, kTileRow); \
  _tile_dpbf16ps(2, 5, 6);                         \
  _tile_dpbf16ps(3, 5, 7);

/// Six products of the nine: piece i of the rows with piece j of the columns, i + j ≤ 2.
EDDYLINE_TILES void multiply_block_in_three(Block const& block) {
  auto const* rows0 = block.rows[0];
  auto const* rows1 = block.rows[1];
  auto const* columns0 = block.columns[0];
  auto const* columns1 = block.columns[1];
  for (int64_t step = 0; step < block.steps; ++step) {
    fetch_ahead(block, step);
    EDDYLINE_LOAD_COLUMNS(0)
    EDDYLINE_MULTIPLY_ROWS(0)
    EDDYLINE_MULTIPLY_ROWS(1)
    EDDYLINE_MULTIPLY_ROWS(2)
    EDDYLINE_LOAD_COLUMNS(1)
    EDDYLINE_MULTIPLY_ROWS(0)
    EDDYLINE_MULTIPLY_ROWS(1)
    EDDYLINE_LOAD_COLUMNS(2)
    EDDYLINE_MULTIPLY_ROWS(0)
    rows0 += kPieces * kTile;
    rows1 += kPieces * kTile;
    columns0 += kPieces * kTile;
    columns1 += kPieces * kTile;
  }
}

EDDYLINE_TILES void multiply_block_in_one(Block const& block) {
  auto const* rows0 = block.rows[0];
  auto const* rows1 = block.rows[1];
  auto const* columns0 = block.columns[0];
  auto const* columns1 = block.columns[1];
  for (int64_t step = 0; step < block.steps; ++step) {
    fetch_ahead(block, step);
    EDDYLINE_LOAD_COLUMNS(0)
    EDDYLINE_MULTIPLY_ROWS(0)
    rows0 += kTile;
    rows1 += kTile;
    columns0 += kTile;
    columns1 += kTile;
  }
}
#undef EDDYLINE_LOAD_COLUMNS
#undef EDDYLINE_MULTIPLY_ROWS

uint16_t nearest(float value) {
  uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  bool const is_nan = value != value;
  return static_cast<uint16_t>(
      (is_nan ? bits | 0x400000U : bits + 0x7fffU + ((bits >> 16U) & 1U)) >> 16U);
}

float value_of(uint16_t piece) {
  auto const bits = static_cast<uint32_t>(piece) << 16U;
  float value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// One tile of a weight contiguous along depth: each column's pairs go below each other.
EDDYLINE_TILES void split_along_depth(Weight const& weight, int pieces, uint16_t* to) {
  auto const below =
      _mm512_mullo_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                         _mm512_set1_epi32(kSide));
  for (int64_t c = 0; c < weight.columns; ++c) {
    auto const* const from = weight.data + c * weight.column_stride;
    auto low = _mm512_maskz_loadu_ps(mask_of(weight.depth), from);
    auto high = _mm512_maskz_loadu_ps(mask_of(weight.depth - kVector), from + kVector);
    for (int piece = 0; piece < pieces; ++piece) {
      _mm512_i32scatter_epi32(to + piece * kTile + 2 * c, below, take_piece(low, high), 4);
    }
  }
}

/// One tile of a weight contiguous along columns: two rows are interleaved.
EDDYLINE_TILES void split_along_columns(Weight const& weight, int pieces, uint16_t* to) {
  auto const columns = mask_of(weight.columns);
  for (int64_t k = 0; k < weight.depth; k += 2) {
    auto const* const from = weight.data + k * weight.depth_stride;
    bool const has_second = k + 1 < weight.depth;
    auto first = _mm512_maskz_loadu_ps(columns, from);
    auto second = _mm512_maskz_loadu_ps(static_cast<__mmask16>(has_second ? columns : 0),
                                        has_second ? from + weight.depth_stride : from);
    for (int piece = 0; piece < pieces; ++piece) {
      auto const both = take_piece(first, second);
      auto const even = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(both));
      auto const odd = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(both, 1));
      _mm512_storeu_si512(to + piece * kTile + k / 2 * kDepth,
                          _mm512_or_si512(even, _mm512_slli_epi32(odd, 16)));
    }
  }
}

void split_one_by_one(Weight const& weight, int pieces, uint16_t* to) {
  for (int64_t c = 0; c < weight.columns; ++c) {
    for (int64_t k = 0; k < weight.depth; ++k) {
      auto rest = weight.data[c * weight.column_stride + k * weight.depth_stride];
      for (int piece = 0; piece < pieces; ++piece) {
        auto const rounded = nearest(rest);
        to[piece * kTile + k / 2 * kDepth + 2 * c + k % 2] = rounded;
        rest -= value_of(rounded);
      }
    }
  }
}

/// Float32 numbers in rows `stride` apart.
struct Cells {
  float* data;
  int64_t stride;
};

void copy_cells(Cells const& from, Cells const& to, int64_t rows, int64_t columns) {
  for (int64_t r = 0; r < rows; ++r) {
    std::copy_n(from.data + r * from.stride, columns, to.data + r * to.stride);
  }
}

/// Asks for the next block of y, which is going to be written.
void fetch_rows(Cells const& y, int64_t rows) {
  for (int64_t r = 0; r < rows; ++r) {
    auto const* const row = reinterpret_cast<char const*>(y.data + r * y.stride);
    __builtin_prefetch(row, 1);
    __builtin_prefetch(row + kLine, 1);
  }
}

int64_t ceil_of(int64_t value, int64_t part) {
  return (value + part - 1) / part;
}

EDDYLINE_TILES void take_tiles() {
  static TileShapes const shapes;  // in memory: the compiler sees the instruction read 8 bytes only
  _tile_loadconfig(&shapes);
}

EDDYLINE_TILES void release_tiles() {
  _tile_release();
}

}  // namespace

bool are_compiled() {
  return __builtin_cpu_supports("avx512bf16") != 0 && __builtin_cpu_supports("avx512dq") != 0;
}

Session::Session() {
  take_tiles();
}

Session::~Session() {
  release_tiles();
}

EDDYLINE_TILES void split_columns(Weight const& weight, int pieces, uint16_t* out) {
  auto const steps = (weight.depth + kDepth - 1) / kDepth;
  for (int64_t c = 0; c < weight.columns; c += kSide) {
    for (int64_t step = 0; step < steps; ++step) {
      auto const* const from =
          weight.data + c * weight.column_stride + step * kDepth * weight.depth_stride;
      Weight const part{.data = from,
                        .columns = std::min(kSide, weight.columns - c),
                        .depth = std::min(kDepth, weight.depth - step * kDepth),
                        .column_stride = weight.column_stride,
                        .depth_stride = weight.depth_stride};
      auto* const to = out + (c / kSide * steps + step) * pieces * kTile;
      if (weight.depth_stride == 1) {
        split_along_depth(part, pieces, to);
      } else if (weight.column_stride == 1) {
        split_along_columns(part, pieces, to);
      } else {
        split_one_by_one(part, pieces, to);
      }
    }
  }
}

EDDYLINE_TILES void split_rows(Rows const& x, Range rows, Range steps, int pieces, uint16_t* out) {
  auto const padded = (rows.count + kPair - 1) / kPair * kPair;
  for (int64_t r = 0; r < padded; ++r) {
    auto* to = out + r / kSide * steps.count * pieces * kTile + r % kSide * kDepth;
    auto const* const row = x.data + (rows.first + r) * x.stride;
    for (int64_t step = steps.first; step < steps.first + steps.count; ++step) {
      auto const there = r < rows.count ? x.depth - step * kDepth : 0;
      split_row(row + step * kDepth, there, pieces, to);
      to += pieces * kTile;
    }
  }
}

void multiply_panel(Panel const& panel, int64_t pair, Columns const& w, Result const& y) {
  auto const [rows, steps] = std::pair(panel.rows, panel.steps);
  auto const size = w.pieces * kTile;  // of one step
  auto const columns = std::min(kPair, y.columns - pair * kPair);
  auto const* const tiles = w.data + (2 * pair * w.steps + steps.first) * size;
  auto const* const next = reinterpret_cast<char const*>(tiles + 2 * w.steps * size);
  bool const first = steps.first == 0 && !y.onto, last = steps.first + steps.count == w.steps;
  bool const has_next = (pair + 1) * kPair < y.columns;
  auto const lines_of_step = size * static_cast<int64_t>(sizeof(uint16_t)) / kLine;
  auto const lines = has_next ? ceil_of(lines_of_step, ceil_of(rows.count, kPair)) : 0;
  alignas(64) float edge[kPair * kPair];
  for (int64_t r = 0; r < rows.count; r += kPair) {
    auto const count = std::min(kPair, rows.count - r);
    Cells const at{.data = y.data + (rows.first + r) * y.stride + pair * kPair, .stride = y.stride};
    bool const whole = count == kPair && columns == kPair;
    Cells const to = whole ? at : Cells{.data = edge, .stride = kPair};
    auto const fetched = r / kPair * steps.count * lines * kLine;
    Block const block{.rows = {panel.data + r / kSide * steps.count * size,
                               panel.data + (r / kSide + 1) * steps.count * size},
                      .columns = {tiles, tiles + w.steps * size},
                      .steps = steps.count,
                      .y = to.data,
                      .stride = static_cast<int64_t>(sizeof(float)) * to.stride,
                      .ahead = {next + fetched, next + 2 * w.steps * size + fetched},
                      .ahead_lines = lines};
    fetch_rows({.data = at.data + kPair * y.stride, .stride = y.stride},
               std::min(kPair, rows.count - r - kPair));
    if (!whole && !first) {
      copy_cells(at, to, count, columns);
    }
    begin_block(block, first);
    w.pieces == kPieces ? multiply_block_in_three(block) : multiply_block_in_one(block);
    end_block(block);
    if (!whole) {
      copy_cells(to, at, count, columns);
    }
    for (int64_t i = 0; last && (y.bias != nullptr || y.end == rows::End::gelu) && i < count; ++i) {
      auto const* const bias = y.bias == nullptr ? nullptr : y.bias + pair * kPair;
      rows::finish(at.data + i * y.stride, bias, columns, y.end);
    }
  }
}

#else

bool are_compiled() {
  return false;
}
Session::Session() = default;
Session::~Session() = default;
void split_columns(Weight const&, int, uint16_t*) {}
void split_rows(Rows const&, Range, Range, int, uint16_t*) {}
void multiply_panel(Panel const&, int64_t, Columns const&, Result const&) {}

#endif

}  // namespace eddyline::tiles
