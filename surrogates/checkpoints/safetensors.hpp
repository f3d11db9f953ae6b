#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "surrogates/checkpoints/pytorch_file.hpp"

namespace eddyline {

/// What a safetensors file holds: tensors by name, and texts by name.
///
/// On disk: the length of the header (8 bytes, little-endian), the header (JSON: for each tensor
/// its dtype, shape and place in the data; texts under `__metadata__`), the data. Source:
/// github.com/huggingface/safetensors, README "Format".
struct Safetensors {
  StateDict tensors;  ///< in the order of the header
  std::map<std::string, std::string> metadata;
};

/// Reads one that nobody vouches for: the header has at most 16 MiB and is parsed without being
/// kept, every size is compared with the file before memory is taken, and the tensors must tile the
/// data exactly. Tensors are contiguous, on the host.
/// \throw Error  saying what is wrong with which tensor
Safetensors read_safetensors(std::filesystem::path const& path);

/// Writes contiguous copies, in an order that keeps each aligned to its element, atomically.
/// \throw Error    if a name is used twice, is `__metadata__` or no UTF-8, or a type has no name
///                 in the format (complex128)
/// \throw Failure  if the file system refuses
void write_safetensors(std::filesystem::path const& path, Safetensors const& content);

/// True if the file's length and first bytes are those of a safetensors file.
bool is_safetensors(std::filesystem::path const& path);

}  // namespace eddyline
