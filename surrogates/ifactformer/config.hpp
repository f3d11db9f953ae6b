#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "core/config.hpp"

namespace eddyline {

/// How a block contracts its values with the kernels of the three axes. m: each axis by itself, the
/// three results side by side. o: one axis after the other, x first.
enum class IFactVariant { m, o };
/// What the network calls the coordinates of cells.
enum class IFactCoordinates { grid, uniform };

template <>
struct EnumNames<IFactVariant> {
  static constexpr auto names = std::to_array<std::pair<IFactVariant, char const*>>(
      {{IFactVariant::m, "m"}, {IFactVariant::o, "o"}});
};
template <>
struct EnumNames<IFactCoordinates> {
  static constexpr auto names = std::to_array<std::pair<IFactCoordinates, char const*>>(
      {{IFactCoordinates::grid, "grid"}, {IFactCoordinates::uniform, "uniform"}});
};

/// Queries and keys are this many times as wide as values.
constexpr int64_t kIFactKernelWidth = 3;

/// Configuration of IFactFormer; the sizes by default are those published for channel flow.
struct IFactFormerConfig {
  IFactVariant variant = IFactVariant::m;
  int64_t dim = 96;
  int64_t heads = 5;
  int64_t dim_head = 96;
  int64_t depth = 1;
  int64_t n_layer = 10;
  int64_t history = 1;
  IFactCoordinates coordinates = IFactCoordinates::grid;
  std::optional<std::array<double, 3>> extent;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("variant",
      variant,
      "m: kernels of the three axes act side by side; o: one after the other, the first axis "
      "first");
    v("dim", dim, "width of a token; even, and its half a multiple of the input channels");
    v("heads", heads, "heads of the kernels");
    v("dim_head", dim_head, "width of a head's values, even; queries and keys have 3 times that");
    v("depth", depth, "number of blocks, each with weights of its own");
    v("n_layer", n_layer, "times that a block is applied, each adding its result over n_layer");
    v("history", history, "input frames");
    v("coordinates",
      coordinates,
      "grid: those of the data, counted from the lowest; uniform: equal steps from 0 to the length "
      "of each axis, both ends included, as the published models were trained (walls or not)");
    v("extent",
      extent,
      "length that each axis D, H, W of the training grid has for the network: coordinates are "
      "scaled to it; empty: not scaled. Channel flow as published: [12.566370614, 2, 4.188790205]");
  }
};

/// The configuration, if every key holds what it may.
/// \throw Error  naming key, value and what is allowed
IFactFormerConfig checked(IFactFormerConfig const& config);

}  // namespace eddyline
