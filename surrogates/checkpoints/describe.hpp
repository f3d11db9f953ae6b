#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace eddyline {

/// What a checkpoint holds, in a few lines of text for `inspect`: kind, parts, numbers of
/// parameters and what is known of the training. Nothing if the file is neither a native nor a
/// PyTorch one. \throw Error  if it is one, but damaged
std::optional<std::string> describe_checkpoint(std::filesystem::path const& path);

}  // namespace eddyline
