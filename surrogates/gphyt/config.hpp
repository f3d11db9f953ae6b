#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/config.hpp"

namespace eddyline {

/// Named sizes of the paper (hidden_dim, mlp_dim, num_heads, num_layers).
enum class GphytSize { S, M, L, XL };
/// How tokens know where they are: a learned table for one grid, or rotated queries and keys.
enum class GphytPositions { absolute, rope };
/// Which tokens a token attends to: all; all up to its own time; those of its time; those of its
/// place.
enum class GphytAttentionMode { full, full_causal, spatial, temporal };
/// How the update becomes the next frame. `none`: the update is the frame.
enum class GphytIntegrator { none, euler, heun, rk4 };
/// Upstream changed its forward pass and left the configuration alone: `v1` (2025) obeys the
/// integrator, `head` (2026) always takes one Euler step.
enum class GphytForward { v1, head };
/// Cells to tokens and back: one linear map a patch, or a stack of convolutions.
enum class GphytTokens { linear, conv_net };
/// Precision in which neighbouring cells are subtracted. Upstream's mixed-precision runs, the
/// published ones among them, rounded the cells to bfloat16 first.
enum class GphytDifferences { fp32, bf16 };

template <>
struct EnumNames<GphytSize> {
  static constexpr auto names = std::to_array<std::pair<GphytSize, char const*>>(
      {{GphytSize::S, "S"}, {GphytSize::M, "M"}, {GphytSize::L, "L"}, {GphytSize::XL, "XL"}});
};
template <>
struct EnumNames<GphytPositions> {
  static constexpr auto names = std::to_array<std::pair<GphytPositions, char const*>>(
      {{GphytPositions::absolute, "absolute"}, {GphytPositions::rope, "rope"}});
};
template <>
struct EnumNames<GphytAttentionMode> {
  static constexpr auto names = std::to_array<std::pair<GphytAttentionMode, char const*>>(
      {{GphytAttentionMode::full, "full"},
       {GphytAttentionMode::full_causal, "full_causal"},
       {GphytAttentionMode::spatial, "spatial"},
       {GphytAttentionMode::temporal, "temporal"}});
};
template <>
struct EnumNames<GphytIntegrator> {
  static constexpr auto names =
      std::to_array<std::pair<GphytIntegrator, char const*>>({{GphytIntegrator::none, "none"},
                                                              {GphytIntegrator::euler, "euler"},
                                                              {GphytIntegrator::heun, "heun"},
                                                              {GphytIntegrator::rk4, "rk4"}});
};
template <>
struct EnumNames<GphytForward> {
  static constexpr auto names = std::to_array<std::pair<GphytForward, char const*>>(
      {{GphytForward::v1, "v1"}, {GphytForward::head, "head"}});
};
template <>
struct EnumNames<GphytTokens> {
  static constexpr auto names = std::to_array<std::pair<GphytTokens, char const*>>(
      {{GphytTokens::linear, "linear"}, {GphytTokens::conv_net, "conv_net"}});
};
template <>
struct EnumNames<GphytDifferences> {
  static constexpr auto names = std::to_array<std::pair<GphytDifferences, char const*>>(
      {{GphytDifferences::fp32, "fp32"}, {GphytDifferences::bf16, "bf16"}});
};

/// One end of the network: cells to tokens, or tokens to cells.
struct GphytEndConfig {
  GphytTokens mode = GphytTokens::linear;
  int64_t overlap = 0;
  std::optional<std::vector<int64_t>> channels;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("mode", mode, "one linear map a patch, or conv_net: convolutions with instance norm between");
    v("overlap",
      overlap,
      "linear: cells by which patches overlap, on all axes and in time; an even number");
    v("channels",
      channels,
      "conv_net: channels between the convolutions, one fewer than there are; empty: the size's");
  }
};

/// Configuration of GPhyT; the defaults are the paper's S.
struct GphytConfig {
  GphytSize size = GphytSize::S;
  std::optional<int64_t> hidden_dim, mlp_dim, num_heads, num_layers;
  std::array<int64_t, 3> patch = {1, 16, 16};
  int64_t time_patch = 1;
  int64_t history = 4;
  GphytPositions positions = GphytPositions::absolute;
  GphytAttentionMode attention = GphytAttentionMode::full;
  bool derivatives = true;
  GphytDifferences differences = GphytDifferences::fp32;
  GphytIntegrator integrator = GphytIntegrator::euler;
  GphytForward forward_semantics = GphytForward::v1;
  GphytEndConfig tokenizer, detokenizer;
  double dropout = 0;
  double stochastic_depth = 0;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("size", size, "S 8M, M 112M, L 385M, XL 796M parameters: presets of the next four keys");
    v("hidden_dim", hidden_dim, "width of a token; empty: the size's");
    v("mlp_dim", mlp_dim, "hidden width of the MLPs; empty: the size's");
    v("num_heads", num_heads, "heads of the attentions; divides hidden_dim; empty: the size's");
    v("num_layers", num_layers, "number of blocks; empty: the size's");
    v("patch", patch, "cells of a patch on D, H, W; D has one cell");
    v("time_patch", time_patch, "frames of a patch; divides history");
    v("history", history, "input frames");
    v("positions",
      positions,
      "absolute: a learned table for one grid; rope: rotations for any grid, hidden_dim a multiple "
      "of 6");
    v("attention",
      attention,
      "full: all tokens; full_causal: up to the token's time; spatial: of one time; temporal: of "
      "one place");
    v("derivatives",
      derivatives,
      "differences of neighbours in time and on both axes are further input channels");
    v("differences",
      differences,
      "fp32, or bf16: cells are rounded before they are subtracted, as in upstream's "
      "mixed-precision runs");
    v("integrator",
      integrator,
      "how the update becomes the next frame; none: the update is the frame");
    v("forward_semantics",
      forward_semantics,
      "v1 obeys the integrator; head, upstream's later code, always takes an euler step");
    v("tokenizer", tokenizer, "cells to tokens");
    v("detokenizer", detokenizer, "tokens to cells");
    v("dropout", dropout, "probability, on attention probabilities and behind the MLPs");
    v("stochastic_depth",
      stochastic_depth,
      "probability that a sample skips an attention or an MLP in training");
  }
};

/// The numbers that size the network, all given.
struct GphytShape {
  int64_t hidden_dim, mlp_dim, num_heads, num_layers;
};

/// The preset with the configuration's own values in place.
GphytShape shape_of(GphytConfig const& config);
/// Channels between the convolutions of one end: its own, or the size's.
std::vector<int64_t> inner_channels(GphytConfig const& config, GphytEndConfig const& end);
/// The step that is taken: euler where upstream ignores the integrator.
GphytIntegrator step_of(GphytConfig const& config);
/// Checks every key against the others.
/// \throw Error  naming key, value and what is allowed
GphytConfig checked(GphytConfig config);

}  // namespace eddyline
