#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "surrogates/checkpoints/native.hpp"
#include "surrogates/surrogate.hpp"

namespace eddyline {

/// The weights of a checkpoint to start from: a native one with its facts, or a file of PyTorch
/// or safetensors, which has none; tensors are named "model/<key>" in both cases. \throw Error  if
/// the file is neither, or an adapter alone
NativeCheckpoint read_weights(std::filesystem::path const& path);

/// The checkpoint's tensors for this network: low-rank updates that it has no place for are merged
/// into the weights they adapt, W + (alpha/rank) B A, so that a network with LoRA becomes one
/// without that gives the same.
/// \throw Error  if there are such updates and the checkpoint does not tell how they are scaled
std::map<std::string, at::Tensor> merged_weights(NativeCheckpoint const& checkpoint,
                                                 Surrogate const& surrogate);

/// Moments of the optimiser to start from, as AdamW::load takes them: of parameters that are
/// trained and did not begin `fresh`. \throw Error  if the checkpoint holds none of them
std::map<std::string, at::Tensor> initial_moments(Surrogate const& surrogate,
                                                  std::map<std::string, at::Tensor> const& tensors,
                                                  std::vector<std::string> const& fresh);

/// Copies weights into a network that may differ a little from the one they are of: low-rank
/// factors (keys ending in `.A` and `.B`) that the checkpoint lacks stay fresh, and so do keys that
/// begin with one of `fresh`. Anything else that is missing, too much or of another shape is
/// refused. \return       keys that stayed fresh \throw Error  naming them and the `train.fresh`
/// that would pass
std::vector<std::string> load_initial_weights(Surrogate& surrogate,
                                              std::map<std::string, at::Tensor> const& tensors,
                                              std::vector<std::string> const& fresh);

}  // namespace eddyline
