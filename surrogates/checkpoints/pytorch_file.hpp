#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

namespace eddyline {

/// Tensors by name, in the order of their file.
using StateDict = std::vector<std::pair<std::string, at::Tensor>>;

/// What a `.pth`/`.pt` file of torch.save (zip container) holds of a training run, or a safetensors
/// file of its weights (published_file.hpp).
struct PytorchCheckpoint {
  /// State dict in file order; a leading `module.` (DataParallel, DDP) and a leading `_orig_mod.`
  /// (torch.compile) are taken off once each, in either order.
  StateDict parameters;
  /// Optimiser state: parameter index → "step", "exp_avg", "exp_avg_sq", … Only of parameters that
  /// ever had a gradient.
  std::map<int64_t, std::map<std::string, at::Tensor>> optimizer_state;
  /// Optimiser groups: [{"lr": …, "betas": […], "params": [indices], …}, …]
  nlohmann::json param_groups = nlohmann::json::array();
  nlohmann::json scheduler;                         ///< scheduler_state_dict; null if there is none
  nlohmann::json facts = nlohmann::json::object();  ///< all other plain values: "epoch", …
  /// What was taken off the keys as it stood there: "module._orig_mod."; "" if nothing was.
  std::string removed_prefix;

  bool has(std::string const& parameter) const;
};

/// Sets the state dict from keys as they stand in a file.
/// \throw Error  if two are the same without what networks were wrapped in
void set_parameters(PytorchCheckpoint& checkpoint, StateDict parameters);

/// Reads it without running anything that the file says (see pickle.hpp), with bounded memory. The
/// state dict is the entry `model_state_dict`, `state_dict` or `model`, or the whole file.
/// Values that JSON lacks (inf, nan) become text.
/// \throw Error  naming file and entry, if it is missing, of the old tar format, compressed,
///               big-endian, damaged, a TorchScript module, or asks for a forbidden global
PytorchCheckpoint read_pytorch(std::filesystem::path const& path);

/// True if the file is a zip archive with a `data.pkl`.
bool is_pytorch(std::filesystem::path const& path);
/// True if it is such an archive with code in it: a TorchScript module. Nothing of it is run.
bool is_torchscript(std::filesystem::path const& path);

}  // namespace eddyline
