#pragma once

#include <ATen/core/Tensor.h>

#include "core/mesh.hpp"
#include "data/sharding/axis_parts.hpp"

namespace eddyline {

// Differentiable exchanges between the ranks that share a sample. A backward pass differentiates
// the sum of the ranks' losses, so what every rank uses gets the sum of all ranks' gradients. With
// a null group each gives its argument back.

/// Element-wise sum over the ranks, on all of them.
at::Tensor sum_over(at::Tensor const& x, Mesh::Group const& group);

/// The tensors of all ranks in their order, (P, …), on all of them; P = 1 with a null group. No
/// gradient.
at::Tensor gather_ranks(at::Tensor const& x, Mesh::Group const& group);

/// What lies beyond the ends of the whole axis.
enum class Border {
  zero,       ///< zeros
  replicate,  ///< the outermost cell again
  periodic,   ///< the other end
};

/// Layers on both sides of a block.
struct HaloWidth {
  int64_t before = 0;
  int64_t after = 0;
};

/// The block with the neighbours' layers around it on one axis; gradients of the layers go back to
/// their owners. A halo may be wider than a neighbour's piece. On an axis that is not divided the
/// border alone is added.
/// \param x  piece of `parts` along `axis`
at::Tensor with_halo(
    at::Tensor const& x, int64_t axis, AxisParts const& parts, HaloWidth width, Border border);

}  // namespace eddyline
