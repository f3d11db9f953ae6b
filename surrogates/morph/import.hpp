#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "surrogates/checkpoints/pytorch_file.hpp"
#include "surrogates/imported_model.hpp"
#include "surrogates/morph/morph.hpp"

namespace eddyline {

/// What shapes do not tell of a published MORPH checkpoint, and what is to be changed on the way.
struct MorphImport {
  std::vector<std::string> fields;
  std::optional<int64_t> heads;
  int64_t heads_xa = 32;
  std::optional<std::array<int64_t, 3>> patch;
  PositionMode positions = PositionMode::automatic;
  std::optional<int64_t> max_ar, max_patches;
  int64_t history = 1;
  double dropout = 0.1;
  LoraConfig lora;
  FineTune fine_tune = FineTune::everything;
  uint64_t seed = 0;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("fields",
      fields,
      "fields of your data in the model's order, vectors as velocity:x:y; empty: field0, field1, "
      "…");
    v("heads", heads, "heads of the axial attentions; empty: dim/64, as in all published sizes");
    v("heads_xa", heads_xa, "heads of the attention between fields");
    v("patch",
      patch,
      "cells of a patch on D, H, W; empty: the checkpoint's W patch on all. Another W patch "
      "re-initialises projection and decoder");
    v("positions", positions, "auto (the rule it was trained with), slice or bilinear");
    v("max_ar",
      max_ar,
      "rows of the table of positions; empty: the checkpoint's, else it is resized");
    v("max_patches",
      max_patches,
      "columns of the table of positions; empty: the checkpoint's, else it is resampled");
    v("history", history, "input frames");
    v("dropout", dropout, "probability, in training");
    v("lora", lora, "low-rank adaptation; ranks that the checkpoint lacks are added with B = 0");
    v("fine_tune", fine_tune, "what learns when the model is trained on");
    v("seed", seed, "of weights that the checkpoint lacks");
  }
};

/// Sizes read from the shapes, the rest from `options`.
/// \throw Error  if the file holds no MORPH
MorphConfig infer_morph(PytorchCheckpoint const& checkpoint, MorphImport const& options);

/// \throw Error  if a key is missing or unexpected: only A and B of a LoRA that was asked for may
/// be
///               missing, and only what options.patch, max_ar and max_patches touch may differ in
///               shape
ImportedModel import_morph(PytorchCheckpoint const& checkpoint, MorphImport const& options);

}  // namespace eddyline
