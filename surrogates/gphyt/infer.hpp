#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "surrogates/checkpoints/pytorch_file.hpp"
#include "surrogates/gphyt/config.hpp"

namespace eddyline {

/// What shapes do not tell of a published GPhyT checkpoint. An empty key is what the file's own
/// configuration says, where it has one, else the published value.
struct GphytImport {
  std::vector<std::string> fields;
  std::optional<int64_t> num_heads;
  std::optional<std::array<int64_t, 3>> patch;
  std::optional<int64_t> time_patch;
  std::optional<int64_t> history;
  std::optional<GphytAttentionMode> attention;
  std::optional<GphytIntegrator> integrator;
  std::optional<GphytForward> forward_semantics;
  GphytDifferences differences = GphytDifferences::fp32;
  std::optional<double> dropout, stochastic_depth;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("fields",
      fields,
      "fields of your data in the model's order, vectors as velocity:x:y; empty: pressure, "
      "density, "
      "temperature, velocity of the published models, else field0, field1, …");
    v("num_heads", num_heads, "heads; empty: hidden_dim/64, 16 of 1280 (size XL)");
    v("patch", patch, "cells of a patch on D, H, W; empty: the file's");
    v("time_patch", time_patch, "frames of a patch; empty: the file's");
    v("history", history, "input frames; empty: the table of positions', the file's, else 4");
    v("attention",
      attention,
      "full, full_causal, spatial or temporal; empty: the file's, else full");
    v("integrator", integrator, "none, euler, heun or rk4; empty: the file's, else euler");
    v("forward_semantics",
      forward_semantics,
      "v1 obeys the integrator, head ignores it; empty: head for files of the later code, which "
      "count epochs, else v1");
    v("differences",
      differences,
      "fp32, or bf16 as in the mixed-precision runs that the published weights are of");
    v("dropout", dropout, "probability, in training; empty: the file's, else 0");
    v("stochastic_depth", stochastic_depth, "probability, in training; empty: the file's, else 0");
  }
};

/// What a checkpoint tells of the network it is of.
struct GphytFound {
  GphytConfig config;
  int64_t fields = 0;              ///< channels
  std::array<int64_t, 2> cells{};  ///< on H and W, of the table of positions; 0 with rope
};

/// True for names that upstream stores though they follow from the configuration: filters, patch
/// size, masks, frequencies.
bool is_gphyt_buffer(std::string const& name);

/// Sizes read from the shapes, the rest from `options`, then from the file's configuration.
/// \throw Error  if the file holds no GPhyT
GphytFound infer_gphyt(PytorchCheckpoint const& checkpoint, GphytImport const& options);

}  // namespace eddyline
