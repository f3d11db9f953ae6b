#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "surrogates/adaptation/adapter.hpp"
#include "surrogates/checkpoints/native.hpp"
#include "surrogates/stored_model.hpp"
#include "surrogates/surrogate.hpp"

namespace eddyline {

/// An adapter is a native checkpoint of its own, small since the base is not in it:
///   tensors           Adapter::tensors(); where they are an average over a training (train.ema)
///                     also "plain/<parameter>", what it is of
///   facts["adapter"]  = {"rank", "alpha", "layers", "train", "base": {"file", "sums": {key: …}}}
///   other facts       those of any trained model: model, target, statistics, data, …
/// `sums` are checksums of the base's weights that the network took, so that no other base fits.

/// facts["adapter"].
/// \param base     file of the base
/// \param tensors  its tensors for this network (merged_weights)
/// \param fresh    keys that did not begin with the base's values
nlohmann::json adapter_facts(AdaptConfig const& config,
                             Surrogate const& network,
                             std::filesystem::path const& base,
                             std::map<std::string, at::Tensor> const& tensors,
                             std::vector<std::string> const& fresh);

/// The plain model that an adapter makes of its base, with the adapter's other facts: as a run's
/// own checkpoint, usable without either.
/// \param weights  of the adapter; the base is the one it was trained on in either case
/// \throw Error  if one of the two is not what it should be, or the base is not the one that the
///               adapter was trained on, naming the first weights that differ
NativeCheckpoint adapted_model(std::filesystem::path const& base,
                               std::filesystem::path const& adapter,
                               WeightKind weights = WeightKind::averaged);

/// Makes the plain weights the model's, or the adapter's; without an average they are that already.
/// \throw Error  naming one that is no parameter of the model
void take_plain_weights(NativeCheckpoint& checkpoint);

}  // namespace eddyline
