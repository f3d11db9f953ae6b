#pragma once

#include <memory>

#include "surrogates/ifactformer/ifactformer.hpp"
#include "tests/parity/module.hpp"
#include "tests/parity/split_reference.hpp"

namespace eddyline::parity {

/// The network of a fixture with its weights.
std::shared_ptr<IFactFormer> load_ifactformer(Reference const& reference);
/// The fixture's input as a window (B, t, C, X, Y, Z), and its coordinates.
at::Tensor window_of(Reference const& reference);
AxisCoordinates coordinates_of(Reference const& reference);
SplitCase split_ifactformer(Reference const& reference);

/// Compares one kind of data with the reference; each marks the data sets that it used.
void compare_outputs(Reference const& reference);
void compare_intermediates(Reference const& reference);
void compare_gradients(Reference const& reference);
void compare_training(Reference const& reference);
void compare_relative_l2_training(Reference const& reference);
void compare_rollout(Reference const& reference);

}  // namespace eddyline::parity
