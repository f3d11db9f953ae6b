#pragma once

#include <ATen/core/Tensor.h>

#include "core/communicator.hpp"
#include "data/field/decomposition.hpp"

namespace eddyline {

/// A box and a block's layers around it, clipped at the ends of the grid; only axes that are split
/// get some.
Box with_layers(Block const& block, int64_t before, int64_t after);

/// The block with the neighbours' cells in `wanted` around it, edges and corners too. Nothing is
/// copied where they are the same. Collective over the ranks of the decomposition, which are
/// numbered as Decomposition does.
/// \param values  (C, D, H, W) of the block, on the host
/// \param wanted  with_layers(block, before, after)
/// \return        (C, d, h, w) of `wanted`
/// \throw Error   on all ranks, if a block is thinner than a layer that its neighbours want
at::Tensor with_neighbours(at::Tensor const& values,
                           Block const& block,
                           Box const& wanted,
                           Communicator const& ranks);

}  // namespace eddyline
