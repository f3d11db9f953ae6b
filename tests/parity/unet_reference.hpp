#pragma once

#include <memory>

#include "surrogates/unet/unet.hpp"
#include "tests/parity/module.hpp"
#include "tests/parity/split_reference.hpp"

namespace eddyline::parity {

/// The network of a fixture, imported from its container as users do.
std::shared_ptr<Unet> load_unet(Reference const& reference);
/// Frames and constants of a fixture as a batch.
Batch batch_of(Reference const& reference);
SplitCase split_unet(Reference const& reference);

/// Compares one kind of data with the reference; each marks the data sets that it used.
void compare_keys(Reference const& reference);
void compare_outputs(Reference const& reference);
void compare_intermediates(Reference const& reference);
void compare_gradients(Reference const& reference);
void compare_missing_gradients(Reference const& reference);
void compare_training(Reference const& reference);
void compare_rollout(Reference const& reference);

}  // namespace eddyline::parity
