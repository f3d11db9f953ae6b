#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/config.hpp"
#include "surrogates/layers/extras.hpp"

namespace eddyline {

/// Named sizes of the paper (filters, dim, heads, depth, mlp_dim).
enum class MorphSize { Ti, S, M, Lt, L, XL };
/// How the table of positions is resampled. `automatic` is upstream's training rule: bilinear for
/// size L with max_ar > 1, else slice.
enum class PositionMode { automatic, slice, bilinear };
/// Whether the components of a vector share a field, each becomes a field of its own, or all
/// channels of the data are components of one field.
enum class FieldLayout { vectors, split, joined };
/// A scalar beside vectors is given to the network once a component; what becomes of its
/// predictions.
enum class Copies { mean, first };
/// Which parameters learn (spec: levels are cumulative; ar1k: second stage for longer windows).
enum class FineTune { everything, level1, level2, level3, level4, ar1k };

template <>
struct EnumNames<MorphSize> {
  static constexpr auto names =
      std::to_array<std::pair<MorphSize, char const*>>({{MorphSize::Ti, "Ti"},
                                                        {MorphSize::S, "S"},
                                                        {MorphSize::M, "M"},
                                                        {MorphSize::Lt, "Lt"},
                                                        {MorphSize::L, "L"},
                                                        {MorphSize::XL, "XL"}});
};
template <>
struct EnumNames<PositionMode> {
  static constexpr auto names =
      std::to_array<std::pair<PositionMode, char const*>>({{PositionMode::automatic, "auto"},
                                                           {PositionMode::slice, "slice"},
                                                           {PositionMode::bilinear, "bilinear"}});
};
template <>
struct EnumNames<FieldLayout> {
  static constexpr auto names =
      std::to_array<std::pair<FieldLayout, char const*>>({{FieldLayout::vectors, "vectors"},
                                                          {FieldLayout::split, "split"},
                                                          {FieldLayout::joined, "joined"}});
};
template <>
struct EnumNames<Copies> {
  static constexpr auto names = std::to_array<std::pair<Copies, char const*>>(
      {{Copies::mean, "mean"}, {Copies::first, "first"}});
};
template <>
struct EnumNames<FineTune> {
  static constexpr auto names =
      std::to_array<std::pair<FineTune, char const*>>({{FineTune::everything, "everything"},
                                                       {FineTune::level1, "level1"},
                                                       {FineTune::level2, "level2"},
                                                       {FineTune::level3, "level3"},
                                                       {FineTune::level4, "level4"},
                                                       {FineTune::ar1k, "ar1k"}});
};

/// Low-rank adaptation of the axial attentions and of the MLPs.
struct LoraConfig {
  int64_t attention_rank = 0;
  int64_t mlp_rank = 0;
  std::optional<double> alpha;
  double dropout = 0.05;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("attention_rank",
      attention_rank,
      "rank of A and B in q, k, v, o of the axial attentions; 0: none (paper: 16)");
    v("mlp_rank", mlp_rank, "rank of A and B in the two layers of each MLP; 0: none (paper: 12)");
    v("alpha", alpha, "the update is scaled by alpha/rank; empty: 2 rank, for each layer");
    v("dropout", dropout, "probability, on the input of A");
  }
};

/// Configuration of MORPH; the defaults are the paper's Ti with one input frame.
struct MorphConfig {
  MorphSize size = MorphSize::Ti;
  std::optional<int64_t> filters, dim, heads, depth, mlp_dim;
  int64_t heads_xa = 32;
  std::array<int64_t, 3> patch = {8, 8, 8};
  int64_t history = 1;
  int64_t max_ar = 0;
  int64_t max_patches = 4096;
  int64_t max_fields = 3;
  int64_t max_components = 3;
  PositionMode positions = PositionMode::automatic;
  double dropout = 0.1;
  double emb_dropout = 0.1;
  LoraConfig lora;
  FineTune fine_tune = FineTune::everything;
  FieldLayout layout = FieldLayout::vectors;
  Copies copies = Copies::mean;
  Extras constants = Extras::ignore;
  Extras scalars = Extras::ignore;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("size",
      size,
      "Ti 10M, S 33M, M 126M, Lt 202M, L 420M, XL 1.1G parameters: presets of the next five keys");
    v("filters", filters, "channels of the convolutions: 8, 16, 32 or 64; empty: the size's");
    v("dim", dim, "width of a token; empty: the size's");
    v("heads", heads, "heads of the axial attentions; divides dim; empty: the size's");
    v("depth", depth, "number of blocks; empty: the size's");
    v("mlp_dim", mlp_dim, "hidden width of the MLPs; empty: the size's");
    v("heads_xa", heads_xa, "heads of the cross attention between fields; divides dim");
    v("patch", patch, "cells of a patch on D, H, W; axes of length 1 have patch 1");
    v("history", history, "input frames, at most max_ar");
    v("max_ar",
      max_ar,
      "rows of the table of positions: the most input frames; 0: as many as history (paper: 1)");
    v("max_patches",
      max_patches,
      "columns of the table of positions; grids with other counts resample it");
    v("max_fields", max_fields, "most fields of the data");
    v("max_components", max_components, "most components of a field");
    v("positions",
      positions,
      "how the table is resampled; auto: bilinear for size L with max_ar > 1, else slice");
    v("dropout", dropout, "probability, in attentions and MLPs");
    v("emb_dropout", emb_dropout, "probability, on the positions");
    v("lora", lora, "low-rank adaptation");
    v("fine_tune",
      fine_tune,
      "what learns: everything; level1 LoRA, norms, positions; level2 also the embedding; level3 "
      "also the decoder; level4 everything at "
      "a tenth of the rate; ar1k time attention of the last blocks. Rates of levels are upstream's "
      "where the schedule's peak is 1e-3");
    v("layout",
      layout,
      "vectors: components of a vector share a field; split: every channel is a field; joined: all "
      "channels are components of one field, so that the network can tell scalars apart (fields "
      "are "
      "alike to it); needs max_components");
    v("copies",
      copies,
      "a scalar beside vectors is predicted once a component: take their mean, or the first");
    v("constants",
      constants,
      "constant fields of the data: ignore, or give them as further fields");
    v("scalars", scalars, "scalars of the data: ignore, or give them as further uniform fields");
  }
};

/// The numbers that size the network, all given.
struct MorphShape {
  int64_t filters, dim, heads, depth, mlp_dim;
};

/// The preset with the configuration's own values in place.
MorphShape shape_of(MorphConfig const& config);
/// True where the table of positions is resampled in both directions.
bool uses_bilinear(MorphConfig const& config);
/// Checks every key against the others; gives the configuration back with what is implied (level4
/// has no LoRA, max_ar 0 is history).
/// \throw Error  naming key, value and what is allowed
MorphConfig checked(MorphConfig config);

}  // namespace eddyline
