#pragma once

#include <ATen/core/Tensor.h>

#include "data/field/field_set.hpp"

namespace eddyline {

/// The fields three times: as they are, `_truth` and `_error`.
FieldSet with_truth(FieldSet const& fields);

/// Their values: a forecast, what came true, and forecast minus truth.
/// \param forecast, truth  (B, C, D, H, W)
/// \return                 (B, 3 C, D, H, W)
at::Tensor with_truth(at::Tensor const& forecast, at::Tensor const& truth);

}  // namespace eddyline
