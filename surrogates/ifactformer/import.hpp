#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "surrogates/checkpoints/pytorch_file.hpp"
#include "surrogates/ifactformer/ifactformer.hpp"
#include "surrogates/imported_model.hpp"

namespace eddyline {

/// What shapes do not tell of a state dict that upstream's training saved.
struct IFactFormerImport {
  std::vector<std::string> fields;
  int64_t n_layer = 10;
  IFactCoordinates coordinates = IFactCoordinates::uniform;
  std::optional<std::array<double, 3>> extent;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("fields",
      fields,
      "fields of your data in the model's order, vectors as velocity:x:y:z; empty: field0, field1, "
      "…, as many as it predicts");
    v("n_layer", n_layer, "times that a block is applied");
    v("coordinates",
      coordinates,
      "uniform, as upstream trains on every axis, or grid: those of your data");
    v("extent",
      extent,
      "length that each axis has for the network; empty: as in your data. Channel flow as "
      "published: [12.566370614, 2, 4.188790205]");
  }
};

/// True if the keys are an IFactFormer's.
bool is_ifactformer(PytorchCheckpoint const& checkpoint);
/// Sizes and variant read from the shapes, the rest from `options`.
/// \throw Error  if the file holds no IFactFormer, or sizes that contradict each other
IFactFormerConfig infer_ifactformer(PytorchCheckpoint const& checkpoint,
                                    IFactFormerImport const& options);

/// \throw Error  if a key is missing or unexpected or has another shape, or if the fields have
/// another number of channels than the network
ImportedModel import_ifactformer(PytorchCheckpoint const& checkpoint,
                                 IFactFormerImport const& options);

}  // namespace eddyline
