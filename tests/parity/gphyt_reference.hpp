#pragma once

#include <memory>

#include "surrogates/gphyt/gphyt.hpp"
#include "tests/parity/split_reference.hpp"

namespace eddyline::parity {

/// The network of a fixture with its weights, in evaluation mode.
std::shared_ptr<Gphyt> load_gphyt(Reference const& reference);

/// Evaluation mode, one row a sample.
Pass plain_gphyt_pass(at::Tensor const& frames);

/// Frames (…, H, W, F) as the reference has them and (…, F, H, W) as we do.
at::Tensor channels_first(at::Tensor const& frames);
at::Tensor channels_last(at::Tensor const& frames);

/// The fixture as a batch that may be divided among ranks.
SplitCase split_gphyt(Reference const& reference);

/// Compares one kind of data with the reference; each marks the data sets that it used.
void compare_gphyt_outputs(Reference const& reference);
void compare_gphyt_intermediates(Reference const& reference);
void compare_gphyt_gradients(Reference const& reference);
void compare_gphyt_training(Reference const& reference);
void compare_gphyt_metrics(Reference const& reference);
void compare_gphyt_rollout(Reference const& reference);
/// Every parameter's gradient in float64, the derivatives held fixed: they carry none.
void compare_gphyt_directions(Reference const& reference);

}  // namespace eddyline::parity
