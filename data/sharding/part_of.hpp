#pragma once

#include <ATen/core/Tensor.h>

#include "data/field/decomposition.hpp"

namespace eddyline {

/// The cells of a box among (…, D, H, W): a view. An axis of length 1 stays, since it stands for
/// all cells.
at::Tensor part_of(at::Tensor const& values, Box const& box);

}  // namespace eddyline
