#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "data/pipeline/data_config.hpp"

namespace eddyline {

/// The `model:` section, divided into the network's name and its own configuration.
struct ModelSection {
  std::string surrogate;         ///< name in the registry
  std::string config;            ///< YAML text of its other keys
  std::array<int64_t, 3> patch;  ///< its key `patch`, or the network's default
  int64_t history;               ///< its key `history`, or that of `data`
};

/// Reads the section and settles how many frames a sample has: `model.history` where it is given,
/// else `data.history`; both are set to it. \throw Error  if the name is missing or unknown, or if
/// the two are given and differ
ModelSection read_model_section(std::string const& yaml, DataConfig& data);

}  // namespace eddyline
