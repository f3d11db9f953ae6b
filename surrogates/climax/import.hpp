#pragma once

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "surrogates/checkpoints/pytorch_file.hpp"
#include "surrogates/climax/climax.hpp"
#include "surrogates/imported_model.hpp"

namespace eddyline {

/// What shapes do not tell of a published ClimaX checkpoint, and what is to be changed on the way.
struct ClimaxImport {
  std::optional<ClimaxVariant> variant;
  std::vector<std::string> variables, inputs, outputs;
  std::optional<int64_t> heads;
  std::optional<std::array<int64_t, 2>> grid, new_grid;
  std::optional<TokenLayout> tokens;
  std::vector<std::string> forcings = climatebench_variables();
  int64_t history = 10;
  RegionName region = RegionName::none;
  std::optional<std::array<double, 4>> box;
  RegionOrder region_order = RegionOrder::geographic;
  bool freeze_encoder = false;
  double dropout = 0.1, drop_path = 0.1;
  uint64_t seed = 0;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("variant",
      variant,
      "global, regional or projection; empty: what the keys tell. A projection may begin from a "
      "global checkpoint: its forcings, head and attention over time are new");
    v("variables",
      variables,
      "names of the checkpoint's variables in its order; empty: the 48 published, ClimateBench's "
      "4, "
      "else variable0, variable1, …");
    v("inputs", inputs, "variables that your data have; empty: all");
    v("outputs", outputs, "variables to predict; empty: all; of a projection, the name of its map");
    v("heads", heads, "attention heads; empty: dim/64, as published");
    v("grid", grid, "cells on latitude, longitude of the checkpoint; empty: it is 1:2");
    v("new_grid", new_grid, "the grid to resample its positions for; empty: the same");
    v("tokens", tokens, "layout of the token weights, serial or parallel; empty: the file's");
    v("forcings", forcings, "variables of a projection that begins from a global checkpoint");
    v("history", history, "input frames of a projection that begins from a global checkpoint");
    v("region", region, "of the variant regional: Europe, …");
    v("box", box, "instead of region: south, north, west, east in degrees");
    v("region_order", region_order, "geographic or upstream");
    v("freeze_encoder", freeze_encoder, "blocks do not learn, but for their norms");
    v("dropout", dropout, "probability, in training");
    v("drop_path", drop_path, "probability to skip the last block, in training");
    v("seed", seed, "of weights that the checkpoint lacks");
  }
};

/// A state dict in file order.
using ClimaxState = std::vector<std::pair<std::string, at::Tensor>>;

/// The state dict under the network's names: without Lightning's leading `net.`, and with `var`
/// for the `channel` of older files. \param report  receives a line for what was renamed
ClimaxState renamed_state(PytorchCheckpoint const& checkpoint, std::vector<std::string>& report);
/// The layout of the token weights.
/// \throw Error  if there are none
TokenLayout layout_of(ClimaxState const& state);
/// The same state with the token weights in another layout: copies, in the place of the old keys.
/// \throw Error  if one of the weights is missing or of another shape than the rest
ClimaxState with_layout(ClimaxState const& state, TokenLayout layout);

/// True if the keys are ClimaX's, under any of their names.
bool is_climax(PytorchCheckpoint const& checkpoint);
/// Sizes read from the shapes, the rest from `options`; before any change that they ask for.
/// \throw Error  if the file holds no ClimaX, or `grid` does not fit its table of positions
ClimaxConfig infer_climax(ClimaxState const& state, ClimaxImport const& options);
/// \throw Error  if a key is missing or unexpected beyond what `options` change
ImportedModel import_climax(PytorchCheckpoint const& checkpoint, ClimaxImport const& options);

}  // namespace eddyline
