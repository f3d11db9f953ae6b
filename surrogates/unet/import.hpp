#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "surrogates/checkpoints/pytorch_file.hpp"
#include "surrogates/imported_model.hpp"
#include "surrogates/unet/unet.hpp"

namespace eddyline {

/// What shapes do not tell of a published CNextU-Net.
struct UnetImport {
  std::vector<std::string> fields;
  std::vector<std::string> constants;
  int64_t history = 4;
  UnetPadding padding = UnetPadding::zeros;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("fields",
      fields,
      "fields of your data in the model's order, vectors as velocity:x:y; empty: field0, field1, "
      "…");
    v("constants",
      constants,
      "constant fields in the model's order; empty: constant0, … for what the frames leave");
    v("history", history, "input frames; The Well's baselines were trained with 4");
    v("padding", padding, "zeros, as trained, or grid");
  }
};

/// Sizes read from the shapes, the rest from `options`.
/// \throw Error  if the file holds no CNextU-Net
UnetConfig infer_unet(PytorchCheckpoint const& checkpoint, UnetImport const& options);

/// \throw Error  if a key is missing, unexpected or of another shape, or the channels are not those
///               of `history` frames of the predicted fields and the constants
ImportedModel import_unet(PytorchCheckpoint const& checkpoint, UnetImport const& options);

}  // namespace eddyline
