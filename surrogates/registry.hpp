#pragma once

#include <memory>
#include <string>
#include <vector>

#include "surrogates/checkpoints/pytorch_file.hpp"
#include "surrogates/surrogate.hpp"

namespace eddyline {

/// What a network must know of the data before it can be made.
struct SurrogateSpec {
  FieldSet input_fields;
  FieldSet output_fields;
  FieldSet constant_fields;
  std::vector<std::string> scalars;
  Grid grid;  ///< after data.fit
};

struct ImportedModel;

/// How published checkpoints of a network become ours (imported_model.hpp), and ours theirs
/// (exported_state.hpp).
struct PublishedForm {
  /// True if the keys of the file are this network's.
  bool (*fits)(PytorchCheckpoint const& checkpoint) = nullptr;
  /// \param yaml  what the file does not tell: keys of default_options()
  /// \throw Error  naming keys that are missing, unexpected or of another shape
  ImportedModel (*import)(PytorchCheckpoint const& checkpoint, std::string const& yaml) = nullptr;
  /// The documented options with their defaults, as YAML with comments.
  std::string (*default_options)() = nullptr;
  /// Of the authors' files: the entry that holds the state dict ("": the file is one), and what its
  /// keys begin with.
  std::string container = {}, prefix = {};
  /// What the authors' state dict holds besides the network's own tensors, made from its
  /// configuration. The report tells of those that cannot be made. Empty: nothing.
  StateDict (*extra_state)(Surrogate const& network,
                           SurrogateSpec const& spec,
                           std::vector<std::string>& report) = nullptr;
};

/// One line of the table: all that other code knows of a network.
struct SurrogateEntry {
  std::string name;     ///< "morph"
  std::string summary;  ///< one line for `--help`
  /// Makes it from YAML text (keys of the network's configuration) with fresh weights drawn from
  /// `seed`. \throw Error naming the key that is wrong
  std::shared_ptr<Surrogate> (*make)(std::string const& yaml,
                                     SurrogateSpec const& spec,
                                     uint64_t seed);
  /// The documented configuration with its defaults, as YAML with comments.
  std::string (*default_config)();
  PublishedForm published = {};  ///< empty: nothing is published
  /// True if its weights do not depend on the fields, so that a batch's may be others than those of
  /// the spec it was made from.
  bool any_fields = false;
  /// True if predict() works on a block of a sample (BatchSpec::sharding) and gives that block.
  bool splits_samples = false;
};

/// All networks.
std::vector<SurrogateEntry> const& surrogate_registry();
/// \throw Error  naming the known ones, the nearest first
SurrogateEntry const& surrogate_entry(std::string const& name);

}  // namespace eddyline
