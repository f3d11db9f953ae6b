#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/config.hpp"
#include "surrogates/climax/region.hpp"
#include "surrogates/climax/variables.hpp"
#include "surrogates/registry.hpp"

namespace eddyline {

/// What the network predicts: the whole grid, a box of it, or one map from a window of years.
enum class ClimaxVariant { global, regional, projection };
/// How the token weights are stored: one module a variable, or one stack of them all. The same
/// mathematics; in the stack, variables that a batch lacks get a gradient of zero instead of none.
enum class TokenLayout { serial, parallel };

template <>
struct EnumNames<ClimaxVariant> {
  static constexpr auto names = std::to_array<std::pair<ClimaxVariant, char const*>>(
      {{ClimaxVariant::global, "global"},
       {ClimaxVariant::regional, "regional"},
       {ClimaxVariant::projection, "projection"}});
};
template <>
struct EnumNames<TokenLayout> {
  static constexpr auto names = std::to_array<std::pair<TokenLayout, char const*>>(
      {{TokenLayout::serial, "serial"}, {TokenLayout::parallel, "parallel"}});
};

/// Configuration of ClimaX; the defaults are the published network at 5.625°.
struct ClimaxConfig {
  ClimaxVariant variant = ClimaxVariant::global;
  std::vector<std::string> variables = published_variables();
  std::optional<std::array<int64_t, 2>> grid;
  std::array<int64_t, 3> patch = {1, 2, 2};
  int64_t dim = 1024;
  int64_t depth = 8;
  int64_t decoder_depth = 2;
  int64_t heads = 16;
  double mlp_ratio = 4;
  int64_t history = 1;
  double dropout = 0.1;
  double drop_path = 0.1;
  TokenLayout tokens = TokenLayout::serial;
  std::string time_unit = "h";
  double lead_hours = 100;
  RegionName region = RegionName::none;
  std::optional<std::array<double, 4>> box;
  RegionOrder region_order = RegionOrder::geographic;
  bool freeze_encoder = false;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("variant",
      variant,
      "global: the grid of the input; regional: a box of it; projection: one map from `history` "
      "frames");
    v("variables",
      variables,
      "all variables that the model knows, in the order of its weights; the data have any of them. "
      "Empty: those of the data");
    v("grid",
      grid,
      "cells on H, W (latitude, longitude) that the table of positions is made for; other grids "
      "resample it. Empty: the data's");
    v("patch", patch, "cells of a patch on D, H, W; D is 1");
    v("dim", dim, "width of a token, a multiple of 4 and of heads");
    v("depth", depth, "number of blocks");
    v("decoder_depth", decoder_depth, "hidden layers of the head; the projection's head has none");
    v("heads", heads, "heads of all attentions");
    v("mlp_ratio", mlp_ratio, "hidden width of the blocks' MLPs over dim");
    v("history", history, "input frames: 1, in a projection any number (10 in the paper)");
    v("dropout", dropout, "probability, on embedded tokens, attention outputs and in MLPs");
    v("drop_path", drop_path, "probability to skip the last block, rising from 0 at the first");
    v("tokens",
      tokens,
      "serial: weights of each variable under their own keys; parallel: in one stack");
    v("time_unit", time_unit, "unit of lead times where the data name none: s, min, h or d");
    v("lead_hours",
      lead_hours,
      "hours of lead time that the network is told as 1: 100 as published; fewer where it learns "
      "short lead times alone, which it can hardly tell apart otherwise");
    v("region",
      region,
      "of the regional variant: NorthAmerica, SouthAmerica, Europe, SouthAsia, EastAsia, "
      "Australia or Global");
    v("box", box, "instead of region: south, north, west, east in degrees; may cross 0°");
    v("region_order",
      region_order,
      "geographic, or upstream: its boxes are mirrored at the equator where latitudes ascend");
    v("freeze_encoder", freeze_encoder, "blocks do not learn, but for their norms");
  }
};

/// Hidden width of the MLPs: dim · mlp_ratio, cut to a whole number.
int64_t mlp_width(ClimaxConfig const& config);
/// Patches of the table of positions on H and W. The grid is given.
std::array<int64_t, 2> table_patches(ClimaxConfig const& config);
/// The box of the regional variant: `box`, or that of `region`.
LatLonBox region_box(ClimaxConfig const& config);
/// Checks every key against the others and fills in what is taken from the data: grid, variables.
/// \throw Error  naming key, value and what is allowed
ClimaxConfig checked(ClimaxConfig config, SurrogateSpec const& spec);

}  // namespace eddyline
