#pragma once

#include <memory>

#include "surrogates/climax/climax.hpp"
#include "tests/parity/split_reference.hpp"

namespace eddyline::parity {

/// The network of a fixture with its weights; the token weights in the file's layout or another.
std::shared_ptr<Climax> load_climax(Reference const& reference,
                                    std::optional<TokenLayout> layout = std::nullopt);
/// The grid of a fixture: its latitudes and longitudes.
Grid climax_grid(Reference const& reference);
/// The frames (B, T, V, H, W) of a fixture.
at::Tensor climax_frames(Reference const& reference);
/// Prediction (B, V, H', W') in evaluation mode.
at::Tensor predict(Climax const& climax, Reference const& reference);

/// The fixture as a batch that may be divided among ranks, with the loss that it has gradients of.
SplitCase split_climax(Reference const& reference);

/// Compares one kind of data with the reference; each marks the data sets that it used.
void compare_import(Reference const& reference);
void compare_outputs(Reference const& reference);
/// Predictions of the frozen form, float32 and bfloat16.
void compare_frozen(Reference const& reference);
void compare_intermediates(Reference const& reference);
void compare_regions(Reference const& reference);
void compare_gradients(Reference const& reference);
void compare_missing_gradients(Reference const& reference);
void compare_training(Reference const& reference);
void compare_scores(Reference const& reference);
void compare_layouts(Reference const& reference);

}  // namespace eddyline::parity
