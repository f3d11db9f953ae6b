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
  resume,     ///< goes on in it, or begins where there is none yet (--resume)
  overwrite,  ///< empties it first (--overwrite)
};

/// The folder of one run:
///   config.yaml  manifest.json  log.txt  metrics.csv  events.out.tfevents.*  checkpoints/
///   adapters/  rollout/  pictures/
/// Rank 0 makes and removes things; all ranks see the same paths.
class RunFolder {
 public:
  /// Collective.
  /// \throw Error  if it exists and `existing` is refuse, or if it was not made by Eddyline (it has
  ///               no manifest.json)
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

/// The run folder that a checkpoint or an adapter lies in (<run>/checkpoints/best.h5), else the
/// file's own folder.
std::filesystem::path run_folder_of(std::filesystem::path const& file);

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

/// Writes the file of a manifest, atomically, on rank 0. Every start of a resumed run adds an entry
/// to its list "starts", so that the file tells all machines that worked on it. Collective.
void write_manifest(std::filesystem::path const& file,
                    Manifest const& manifest,
                    Communicator const& ranks);

/// The files that tell later how something was made.
struct RunFiles {
  std::filesystem::path config, manifest, log;

  /// config.yaml, manifest.json and log.txt of a folder.
  static RunFiles in(std::filesystem::path const& folder);
  /// x.config.yaml, x.manifest.json and x.log.txt beside the file x.json.
  static RunFiles beside(std::filesystem::path const& file);
};

/// Writes configuration and manifest; from now on the log goes to its file too. Only a resumed run
/// adds to files that are there. Collective.
void begin_record(RunFiles const& files,
                  std::string const& config,
                  Manifest const& manifest,
                  Existing existing,
                  Communicator const& ranks);

}  // namespace eddyline
