#pragma once

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include <ATen/core/Tensor.h>

#include "surrogates/checkpoints/native.hpp"
#include "surrogates/prediction.hpp"
#include "surrogates/registry.hpp"

namespace eddyline {

/// What makes a trained network again, besides its weights. In a native checkpoint:
///   facts["model"]  = {"surrogate": "morph", "config": "<yaml>", "spec": {…}}
///   facts["target"] = the TargetRule
///   tensors         "model/<key>"; where these are an average over a training (train.ema) also
///                   "plain/<parameter>", the weights that it is of
struct StoredModel {
  std::string surrogate;  ///< name in the registry
  std::string config;     ///< YAML text, as Surrogate::config() gives it
  SurrogateSpec spec;
  TargetRule rule;
};

/// Fields, scalars and grid of a data set, as a network must know them.
SurrogateSpec surrogate_spec(BatchSpec const& spec);

nlohmann::json to_json(SurrogateSpec const& spec);
/// \throw Error  naming the key that is missing or wrong
SurrogateSpec surrogate_spec_from_json(nlohmann::json const& json);

/// Writes facts["model"] and facts["target"].
void store_model(nlohmann::json& facts, StoredModel const& model);
/// \throw Error  if the facts tell of no model, or of one that this program does not know
StoredModel stored_model(nlohmann::json const& facts);

/// \throw Error  if the checkpoint is an adapter alone, without the weights it adapts
void require_whole_model(NativeCheckpoint const& checkpoint);

/// The network with the checkpoint's weights, on the host.
/// \throw Error  if weights and network do not fit
std::shared_ptr<Surrogate> load_model(NativeCheckpoint const& checkpoint);

/// Which weights of a checkpoint are meant that keeps an average besides them.
enum class WeightKind { averaged, plain };

constexpr char const* kModelWeights = "model/";
constexpr char const* kPlainWeights = "plain/";
constexpr char const* kAdapterWeights = "adapter/";

/// Weights and buffers as "model/<key>", host copies.
std::map<std::string, at::Tensor> model_tensors(Surrogate const& surrogate);
/// Copies "model/<key>" tensors into the network; other tensors are not looked at.
/// \throw Error  naming a model tensor that is missing, too much or of another shape
void load_model_tensors(Surrogate& surrogate, std::map<std::string, at::Tensor> const& tensors);

}  // namespace eddyline
