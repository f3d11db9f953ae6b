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

/// Copies every tensor of a file into the parameter or buffer of the same name.
/// \param kind    what the network is, for messages: "a CNextU-Net"
/// \param remedy  what a message on a wrong shape ends with
/// \throw Error   naming a tensor that is missing, too much or of another shape
void copy_weights(Surrogate const& network,
                  std::map<std::string, at::Tensor> const& stored,
                  std::string const& kind,
                  std::string const& remedy = "");

/// Gives the moments of the file's optimiser to parameters by name; the report says what is left.
/// \param order  names in the order of the optimiser's numbers
void copy_moments(PytorchCheckpoint const& checkpoint,
                  std::vector<std::string> const& order,
                  ImportedModel& imported);

/// The report's line on what was taken off the keys, if anything was.
void report_removed_prefix(PytorchCheckpoint const& checkpoint, std::vector<std::string>& report);

/// The keys of a state dict, in its order.
std::vector<std::string> keys_of(StateDict const& state);

/// A field written as `density`, or `velocity:x:y` for a vector.
/// \throw Error  if the name is empty
Field parse_field(std::string const& text);

}  // namespace eddyline
