#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace eddyline {

/// What the files of a conversion do not tell.
struct ConversionOptions {
  std::string surrogate;                 ///< network that the file is of; "": told by its keys
  std::string import = "{}\n";           ///< YAML: options of the network's published form
  std::optional<std::string> prefix;     ///< put in front of every key; none: as the authors do
  std::optional<std::string> container;  ///< entry that holds the state dict; none: likewise
};

/// Writes a checkpoint in another form: what `from` is, its content tells; what `to` becomes, its
/// ending: `.h5` a checkpoint of Eddyline, `.safetensors`, or `.pt`, `.pth`, `.ckpt` a file that
/// torch.load reads. Nothing in `from` is run. Between PyTorch and safetensors keys stay as they
/// are but for `prefix` and what networks were wrapped in.
/// \return       what it is, and one line for every key that was renamed, dropped or is missing
/// \throw Error  if the ending or the content is none of these, both are checkpoints of Eddyline,
///               or the file does not fit its network
std::string convert_checkpoint(std::filesystem::path const& from,
                               std::filesystem::path const& to,
                               ConversionOptions const& options);

}  // namespace eddyline
