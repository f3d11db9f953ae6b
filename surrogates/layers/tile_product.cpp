#include "surrogates/layers/tile_product.hpp"

#include <algorithm>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/cpu/Utils.h>
#include <ATen/record_function.h>

#include "surrogates/layers/tile_kernels.hpp"

namespace eddyline {
namespace {

// A panel takes at most 768 KiB, which the second cache holds beside 32 columns of W. Measured.
constexpr int64_t kPanelRows = 256;
constexpr int64_t kPanelSteps = 16;

int64_t ceil_of(int64_t value, int64_t part) {
  return (value + part - 1) / part;
}

/// Rows and columns of one task and what it needs to know.
struct TileTask {
  tiles::Rows x;
  tiles::Columns w;
  tiles::Result y;
  int64_t first_row, last_row, first_pair, last_pair;  ///< pairs of 16 columns
};

void run(TileTask const& task, at::Tensor const& room) {
  auto* const panel = static_cast<uint16_t*>(room.mutable_data_ptr());
  tiles::Session const session;
  for (auto row = task.first_row; row < task.last_row; row += kPanelRows) {
    auto const rows = std::min(kPanelRows, task.last_row - row);
    for (int64_t step = 0; step < task.w.steps; step += kPanelSteps) {
      auto const steps = std::min(kPanelSteps, task.w.steps - step);
      tiles::split_rows(task.x, {row, rows}, {step, steps}, task.w.pieces, panel);
      for (auto pair = task.first_pair; pair < task.last_pair; ++pair) {
        tiles::multiply_panel({panel, {row, rows}, {step, steps}}, pair, task.w, task.y);
      }
    }
  }
}

}  // namespace

bool has_tiles() {
  static bool const has = tiles::are_compiled() && at::cpu::init_amx();
  return has && at::globalContext().userEnabledMkldnn();
}

TileMatrix::TileMatrix(at::Tensor const& weight, Precision precision)
    : columns_(weight.size(0)), depth_(weight.size(1)) {
  auto const pieces = precision == Precision::bf16 ? 1 : tiles::kPieces;
  auto const pairs = ceil_of(columns_, 2 * tiles::kSide);
  packed_ = at::zeros({2 * pairs, ceil_of(depth_, tiles::kDepth), pieces, tiles::kTile},
                      at::TensorOptions(at::kBFloat16));
  tiles::split_columns({.data = weight.const_data_ptr<float>(),
                        .columns = columns_,
                        .depth = depth_,
                        .column_stride = weight.stride(0),
                        .depth_stride = weight.stride(1)},
                       pieces,
                       static_cast<uint16_t*>(packed_.mutable_data_ptr()));
}

void TileMatrix::multiply(at::Tensor const& x, at::Tensor const& y, TileEnd const& end) const {
  RECORD_FUNCTION("eddyline::tile_product", (std::vector<c10::IValue>{x, y}));
  TileTask const whole{
      .x = {x.const_data_ptr<float>(), x.stride(0), x.size(0), depth_},
      .w = {static_cast<uint16_t const*>(packed_.const_data_ptr()),
            packed_.size(1),
            static_cast<int>(packed_.size(2))},
      .y = {y.mutable_data_ptr<float>(),
            y.stride(0),
            columns_,
            end.bias.defined() ? end.bias.const_data_ptr<float>() : nullptr,
            end.activation == Activation::gelu ? rows::End::gelu : rows::End::linear,
            end.into == TileEnd::Into::onto},
      .first_row = 0,
      .last_row = x.size(0),
      .first_pair = 0,
      .last_pair = packed_.size(0) / 2};
  auto const panels = ceil_of(x.size(0), kPanelRows);
  // Few rows: the columns are shared out, too, and every task splits its rows anew.
  auto const shares = std::clamp<int64_t>(at::get_num_threads() / panels, 1, whole.last_pair);
  at::parallel_for(0, panels * shares, 1, [&](int64_t begin, int64_t stop) {
    auto const room =
        at::empty({kPanelRows * kPanelSteps * tiles::kDepth * packed_.size(2)}, packed_.options());
    for (auto i = begin; i < stop; ++i) {
      auto task = whole;
      task.first_row = i / shares * kPanelRows;
      task.last_row = std::min(task.first_row + kPanelRows, x.size(0));
      task.first_pair = i % shares * whole.last_pair / shares;
      task.last_pair = (i % shares + 1) * whole.last_pair / shares;
      run(task, room);
    }
  });
}

}  // namespace eddyline
