#pragma once

#include <filesystem>

#include "surrogates/checkpoints/pytorch_file.hpp"

namespace eddyline {

/// True if the file is one of PyTorch or safetensors, as networks are published in.
bool is_published_file(std::filesystem::path const& path);

/// Reads either alike. Of a safetensors file the metadata become facts; the text `facts` that
/// write_published puts there becomes the values that it holds.
/// \throw Error  as read_pytorch and read_safetensors
PytorchCheckpoint read_published_file(std::filesystem::path const& path);

}  // namespace eddyline
