#pragma once

#include <torch/csrc/jit/api/module.h>

#include "surrogates/registry.hpp"
#include "surrogates/script/config.hpp"
#include "surrogates/surrogate.hpp"

namespace eddyline {

/// A network of one's own: a TorchScript module with
///   forward(input: Tensor, lead_time: Tensor) -> Tensor
/// where input is (B, Ti, Ci, D, H, W), normalised, lead_time (B) in the data's unit of time, and
/// the output (B, To, Co, D, H, W), normalised, the next frame first; missing axes have length 1.
///
/// Its code runs only in a process that was told so (surrogates/trust.hpp). Parameters that the
/// file marks as not requiring gradients stay as they are. Numbers that it draws come from torch's
/// own generator, set before each call from seed, step and the first sample's number.
class Script final : public Surrogate {
 public:
  /// Reads the file; weights are the file's.
  /// \throw Error  if code in files may not be run, the file is missing or not the one that
  ///               `checksum` names, holds no TorchScript module, or one without that signature
  Script(ScriptConfig const& config, SurrogateSpec const& spec);

  at::Tensor predict(Batch const& batch, Context const& context) override;
  std::vector<ParameterGroup> parameter_groups() const override;
  std::string config() const override;
  int64_t history() const override { return config_.history; }
  std::array<int64_t, 3> patch() const override { return config_.patch; }

 private:
  at::Tensor input_of(Batch const& batch) const;

  ScriptConfig config_;
  int64_t constants_;  ///< channels added to every frame
  int64_t outputs_;
  torch::jit::Module module_;
  ParameterGroup learning_;
};

/// Line of the registry.
SurrogateEntry script_entry();

}  // namespace eddyline
