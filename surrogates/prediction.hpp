#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include <ATen/core/Tensor.h>

#include "surrogates/field_union.hpp"
#include "surrogates/surrogate.hpp"

namespace eddyline {

/// What the numbers that a network puts out stand for.
enum class TargetKind {
  state,      ///< the next frame, normalised like the target
  increment,  ///< next frame minus the one before, normalised by its mean and deviation over the
              ///< data
};

/// How an output becomes a frame; stored with the weights, since they mean nothing without it.
struct TargetRule {
  TargetKind kind = TargetKind::state;
  /// Of `increment`: its mean and deviation in units of Batch.target_norm, (1, Co), by data set
  /// (BatchSpec.dataset). One alone serves any data set.
  std::map<std::string, Affine> increments = {};
  /// Of a network that learned from data sets with different fields: all that it reads and writes.
  std::optional<FieldUnion> fields = {};
};

/// The next frames as the network predicts them, normalised by batch.target_norm whatever the rule:
/// for `state` the network's output y itself; for `increment` frame j is
///   x_j = x_{j-1} + mean + scale * y_j,   x_0 = the last input frame,
/// with mean and scale of the batch's data set.
/// Trainer and rollout both call it, so that they cannot differ.
///
/// \param batch  normalised input, as Surrogate::predict takes it
/// \return       (B, To, Co, D', H', W')
/// \throw Error  if the rule is `increment` and an output field or the grid is not among the inputs
at::Tensor predict_state(Surrogate& surrogate,
                         Batch const& batch,
                         Context const& context,
                         TargetRule const& rule);

/// The batch as the network itself takes it: with all fields that it reads.
Batch network_input(Batch const& batch, TargetRule const& rule);

/// What predict_state makes of the network's output, which FrozenSurrogate::predict gives too.
at::Tensor state_of(at::Tensor const& output, Batch const& batch, TargetRule const& rule);

/// The batch one call later: its input slid on by the predicted frames (oldest dropped), completed
/// by the known channels of batch.forcing at their times; where batch.absent they stay as they were
/// filled; target and forcing begin with the frame
/// after them. \param predicted  (B, To, Co, D, H, W), normalised by batch.target_norm, gradients
/// kept \throw Error      if the outputs are not the inputs' fields (but the known ones) on the
/// same grid
Batch slide_input(Batch const& batch, at::Tensor const& predicted);

/// {"kind": "increment", "sets": {"waves": {"mean": [0.0, 0.1], "scale": [0.1, 2.5]}}}.
nlohmann::json to_json(TargetRule const& rule);
/// \throw Error  if the text names no known kind, no scales, or one that is not positive
TargetRule target_rule_from_json(nlohmann::json const& json);

}  // namespace eddyline
