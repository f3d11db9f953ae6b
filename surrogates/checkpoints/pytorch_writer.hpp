#pragma once

#include <filesystem>
#include <string>

#include "surrogates/checkpoints/pytorch_file.hpp"

namespace eddyline {

/// Writes what torch.save(state, path) would, with `state` an OrderedDict of contiguous tensors on
/// the host, or {container: state}; torch.load opens it with weights_only=True.
/// \throw Error    if a tensor is of a type that read_pytorch does not know
/// \throw Failure  if the file system refuses
void write_pytorch(std::filesystem::path const& path,
                   StateDict const& state,
                   std::string const& container = "");

}  // namespace eddyline
