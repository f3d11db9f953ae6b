#pragma once

#include "surrogates/gphyt/gphyt.hpp"
#include "surrogates/gphyt/infer.hpp"
#include "surrogates/imported_model.hpp"

namespace eddyline {

/// \throw Error  if a parameter is missing, unexpected or of another shape, or if the filters of
/// the
///               derivatives are not (−1, 0, 1)
ImportedModel import_gphyt(PytorchCheckpoint const& checkpoint, GphytImport const& options);

}  // namespace eddyline
