#pragma once

#include <memory>
#include <string>
#include <vector>

#include "surrogates/surrogate.hpp"

namespace eddyline {

/// What a network must know of the data before it can be made.
struct SurrogateSpec {
  FieldSet input_fields;
  FieldSet output_fields;
  FieldSet constant_fields;
  std::vector<std::string> scalars;
  Grid grid;               ///< after data.fit
};

/// One line of the table: all that other code knows of a network.
struct SurrogateEntry {
  std::string name;        ///< "morph"
  std::string summary;     ///< one line for `--help`
  /// Makes it from YAML text (keys of the network's configuration) with fresh weights drawn from
  /// `seed`. \throw Error naming the key that is wrong
  std::shared_ptr<Surrogate> (*make)(std::string const& yaml, SurrogateSpec const& spec, uint64_t seed);
  /// The documented configuration with its defaults, as YAML with comments.
  std::string (*default_config)();
};

/// All networks.
std::vector<SurrogateEntry> const& surrogate_registry();
/// \throw Error  naming the known ones, the nearest first
SurrogateEntry const& surrogate_entry(std::string const& name);

}  // namespace eddyline
