#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include <ATen/core/Tensor.h>

namespace eddyline {

/// All that a run needs to go on, or a model to be used: tensors by name and facts about them.
///
/// On disk it is one HDF5 file behind a 512-byte block of text (an HDF5 user block, so h5py, h5dump
/// and ParaView open it as it is). Every tensor is a contiguous data set at the path of its name
/// with the attribute `dtype` ("float32", "bfloat16", …); the facts are the JSON text of the data
/// set `facts`. The block holds a magic line, the version, and the length and CRC-32 of all that
/// follows. bfloat16 is stored as its 16 bits (uint16), bool as h5py does, complex as {r, i}.
struct NativeCheckpoint {
  std::map<std::string, at::Tensor> tensors;  ///< "model/<key>", …; on the host after reading
  nlohmann::json facts = nlohmann::json::object();
};

/// Writes to a temporary file beside `path`, syncs it and renames it: `path` holds the old file or
/// the new one, whole, whatever happens. Not collective: one rank calls it.
/// \throw Error    if a name is empty, "facts" or the start of another one's path, or a type cannot
///                 be stored; the message names it
/// \throw Failure  if the file system refuses (disk full)
void write_native(std::filesystem::path const& path, NativeCheckpoint const& checkpoint);

/// What the names of an optimiser's moments begin with: "optimiser/<parameter>/<moment>".
constexpr std::string_view kMoments = "optimiser/";
/// What is read of a checkpoint: a forecast needs no moments, which are twice the weights.
enum class Tensors { all, all_but_moments };

/// Verifies length and checksum before anything is parsed. Tensors are contiguous, on the host.
/// \throw Error  if the file is missing, foreign, truncated or damaged
NativeCheckpoint read_native(std::filesystem::path const& path, Tensors tensors = Tensors::all);

/// The facts alone; the whole file is verified as by read_native.
nlohmann::json read_native_facts(std::filesystem::path const& path);

/// True if the file begins with the magic line; nothing else is checked.
bool is_native(std::filesystem::path const& path);

}  // namespace eddyline
