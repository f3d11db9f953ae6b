#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/communicator.hpp"

namespace eddyline {

/// What to do with a run folder that is there already.
enum class Existing {
  refuse,     ///< it is never touched: exit 2 (the default)
  resume,     ///< goes on in it (--resume)
  overwrite,  ///< empties it first (--overwrite)
};

/// The folder of one run:
///   config.yaml  manifest.json  log.txt  metrics.csv  events.out.tfevents.*  checkpoints/
///   rollout/  pictures/
/// Rank 0 makes and removes things; all ranks see the same paths.
class RunFolder {
 public:
  /// Collective.
  /// \throw Error  if it exists and `existing` is refuse; if it does not and `existing` is resume;
  /// if
  ///               it is to be overwritten but was not made by Eddyline (it has no manifest.json)
  RunFolder(std::filesystem::path path, Existing existing, Communicator const& ranks);

  std::filesystem::path const& path() const { return path_; }
  std::filesystem::path config() const { return path_ / "config.yaml"; }
  std::filesystem::path manifest() const { return path_ / "manifest.json"; }
  std::filesystem::path log() const { return path_ / "log.txt"; }
  std::filesystem::path metrics() const { return path_ / "metrics.csv"; }
  std::filesystem::path checkpoints() const { return path_ / "checkpoints"; }
  std::filesystem::path rollout() const { return path_ / "rollout"; }
  std::filesystem::path pictures() const { return path_ / "pictures"; }

 private:
  std::filesystem::path path_;
};

/// What a run was made from.
struct Manifest {
  std::string verb;                         ///< "train"
  std::vector<std::string> arguments;       ///< of the command line
  std::vector<std::filesystem::path> data;  ///< files or folders that were read
  std::map<std::string, int64_t> seeds;
};

/// The manifest with all that the machine knows: commit and version of the build, compiler,
/// LibTorch, hosts, ranks, threads, time of the start (UTC), and for each data file size, time of
/// modification and a hash of both and of its first and last MiB. Collective.
nlohmann::json describe_run(Manifest const& manifest, Communicator const& ranks);

/// Writes manifest.json, atomically, on rank 0. Every start of a resumed run adds an entry to its
/// list "starts", so that the file tells all machines that worked on it. Collective.
void write_manifest(RunFolder const& folder, Manifest const& manifest, Communicator const& ranks);

}  // namespace eddyline
