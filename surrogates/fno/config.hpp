#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include "core/config.hpp"
#include "surrogates/layers/extras.hpp"

namespace eddyline {

/// Whether the network is told where a cell is, and how: as the part i/n of each axis that lies
/// before cell i of n.
enum class FnoCoordinates { none, fractions };

template <>
struct EnumNames<FnoCoordinates> {
  static constexpr auto names = std::to_array<std::pair<FnoCoordinates, char const*>>(
      {{FnoCoordinates::none, "none"}, {FnoCoordinates::fractions, "fractions"}});
};

/// Configuration of FNO and IFNO; the defaults are those of Li et al. for 2-D data (section 5).
struct FnoConfig {
  std::array<int64_t, 3> modes = {12, 12, 12};
  int64_t width = 32;
  int64_t layers = 4;
  int64_t projection = 128;
  int64_t history = 10;
  FnoCoordinates coordinates = FnoCoordinates::fractions;
  Extras constants = Extras::fields;
  Extras scalars = Extras::ignore;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("modes",
      modes,
      "Fourier modes kept on D, H, W: m keeps frequencies -m … m-1, on the last axis of more than "
      "one cell 0 … m-1; at most half the cells, there half and one more");
    v("width", width, "channels between lifting and projection");
    v("layers", layers, "Fourier layers; of ifno: how often its one layer is applied");
    v("projection", projection, "hidden width of the projection");
    v("history", history, "input frames");
    v("coordinates",
      coordinates,
      "further inputs: fractions of each axis, or none, which makes the network know no place");
    v("constants", constants, "constant fields of the data: ignore, or fields, as further inputs");
    v("scalars", scalars, "scalars of the data: ignore, or fields, as further uniform inputs");
  }
};

/// Checks every key; gives the configuration back.
/// \throw Error  naming key, value and what is allowed
FnoConfig checked(FnoConfig const& config);

}  // namespace eddyline
