#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "core/config.hpp"
#include "surrogates/layers/extras.hpp"

namespace eddyline {

/// Configuration of a network that is a TorchScript file.
struct ScriptConfig {
  std::string file;
  std::string checksum;
  int64_t history = 1;
  std::array<int64_t, 3> patch = {1, 1, 1};
  Extras constants = Extras::ignore;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("file", file, "TorchScript module (torch.jit.script(net).save(file)); run only with --trust");
    v("checksum", checksum, "of the file; empty: whatever it is. Checkpoints hold it");
    v("history", history, "input frames");
    v("patch", patch, "cells on D, H, W are multiples of these");
    v("constants",
      constants,
      "constant fields of the data: ignore, or fields, as further channels of every frame");
  }
};

/// Checks every key; gives the configuration back with the file's whole path.
/// \throw Error  naming key, value and what is allowed
ScriptConfig checked(ScriptConfig config);

}  // namespace eddyline
