#pragma once

#include <string>

#include <ATen/ATen.h>
#include <torch/csrc/jit/api/module.h>

namespace eddyline {

/// A TorchScript module with one parameter, `weight` (1) of value 0.5.
/// \param body  of forward(self, input, lead_time), one line of TorchScript
inline torch::jit::Module small_script(std::string const& body) {
  torch::jit::Module module("net");
  module.register_parameter(
      "weight", at::full({1}, 0.5).set_requires_grad(true), /*is_buffer=*/false);
  module.register_attribute("training", c10::BoolType::get(), true);
  module.define("def forward(self, input, lead_time):\n  " + body + "\n");
  return module;
}

}  // namespace eddyline
