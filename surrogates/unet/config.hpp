#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/config.hpp"
#include "surrogates/layers/extras.hpp"

namespace eddyline {

/// What convolutions see beyond the borders: zeros everywhere (as published), or the other end on
/// the axes that the grid calls periodic.
enum class UnetPadding { zeros, grid };

template <>
struct EnumNames<UnetPadding> {
  static constexpr auto names = std::to_array<std::pair<UnetPadding, char const*>>(
      {{UnetPadding::zeros, "zeros"}, {UnetPadding::grid, "grid"}});
};

/// Configuration of the ConvNeXt U-Net; the defaults are The Well's CNextU-Net.
struct UnetConfig {
  std::array<int64_t, 3> patch = {16, 16, 16};
  int64_t features = 42;
  int64_t blocks_per_stage = 2;
  int64_t blocks_at_neck = 1;
  int64_t history = 4;
  UnetPadding padding = UnetPadding::zeros;
  Extras constants = Extras::fields;
  Extras scalars = Extras::ignore;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("patch",
      patch,
      "cells of the data in a cell of the coarsest level on D, H, W: powers of two; the largest "
      "gives the number of levels (16: 4), an axis with less is left alone by the lower levels");
    v("features", features, "channels of the finest level; each level below has twice as many");
    v("blocks_per_stage", blocks_per_stage, "ConvNeXt blocks of each level, down and up");
    v("blocks_at_neck", blocks_at_neck, "ConvNeXt blocks of the coarsest level");
    v("history", history, "input frames");
    v("padding",
      padding,
      "beyond the borders: zeros, or grid, which wraps the axes that the data call periodic");
    v("constants", constants, "constant fields of the data: ignore, or fields, as further inputs");
    v("scalars", scalars, "scalars of the data: ignore, or fields, as further uniform inputs");
  }
};

/// Numbers of steps between levels: log2 of the largest of the patches on `axes`.
int64_t levels_of(UnetConfig const& config, std::vector<size_t> const& axes);
/// Checks every key; gives the configuration back.
/// \throw Error  naming key, value and what is allowed
UnetConfig checked(UnetConfig const& config);

}  // namespace eddyline
