#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "surrogates/checkpoints/native.hpp"
#include "surrogates/registry.hpp"

namespace eddyline {

/// A network with the weights of a published checkpoint.
struct ImportedModel {
  std::shared_ptr<Surrogate> network;
  SurrogateSpec spec;
  /// Optimiser state by parameter name: "step", "exp_avg", "exp_avg_sq". Only where the shape is
  /// still the same.
  std::map<std::string, std::map<std::string, at::Tensor>> optimizer;
  /// One line for every key renamed, dropped, resized or re-initialised.
  std::vector<std::string> report;
  /// What the shapes told and what was taken for granted: a few lines for the user.
  std::string summary;
};

/// Weights as "model/<key>", moments as "optimiser/<key>/<moment>", and the facts that make the
/// network again (stored_model.hpp).
NativeCheckpoint to_native(ImportedModel const& imported);

/// A field written as `density`, or `velocity:x:y` for a vector.
/// \throw Error  if the name is empty
Field parse_field(std::string const& text);

}  // namespace eddyline
