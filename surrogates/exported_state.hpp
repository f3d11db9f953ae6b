#pragma once

#include <string>
#include <vector>

#include "surrogates/checkpoints/native.hpp"
#include "surrogates/checkpoints/pytorch_file.hpp"

namespace eddyline {

/// The weights of a native checkpoint under the names of their authors.
struct ExportedState {
  StateDict state;                  ///< without the prefix
  std::string container, prefix;    ///< as the authors' program reads them (PublishedForm)
  std::vector<std::string> report;  ///< one line for every tensor dropped or missing
};

/// Of a network with a published form the network is made, and the state dict is in its order with
/// all that the authors' has. Of others (a script is not run for it) the tensors have the names
/// that the checkpoint has.
/// \throw Error  if the checkpoint tells of no network, or weights and network do not fit
ExportedState export_state(NativeCheckpoint const& checkpoint);

}  // namespace eddyline
