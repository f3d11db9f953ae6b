#pragma once

#include <memory>

#include "surrogates/morph/morph.hpp"
#include "tests/parity/module.hpp"
#include "tests/parity/split_reference.hpp"

namespace eddyline::parity {

/// The network of a fixture, without weights.
std::shared_ptr<Morph> make_morph(Reference const& reference,
                                  FineTune stage = FineTune::everything);
/// make_morph and load_weights.
std::shared_ptr<Morph> load_morph(Reference const& reference,
                                  FineTune stage = FineTune::everything);

SplitCase split_morph(Reference const& reference);

/// Evaluation mode, one row a sample.
Pass plain_pass(at::Tensor const& volume);

/// Compares one kind of data with the reference; each marks the data sets that it used.
void compare_outputs(Reference const& reference);
void compare_intermediates(Reference const& reference);
void compare_gradients(Reference const& reference);
void compare_missing_gradients(Reference const& reference);
void compare_training(Reference const& reference);
void compare_resumed_training(Reference const& reference);
/// The same of the imported model by the optimiser that trains.
void compare_resumed_training_of_import(Reference const& reference);
void compare_fine_tuning(Reference const& reference);
void compare_rollout(Reference const& reference);
/// Prediction and rollout of the frozen form, float32 and bfloat16.
void compare_frozen(Reference const& reference);

}  // namespace eddyline::parity
