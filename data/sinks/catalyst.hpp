#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/communicator.hpp"
#include "data/sinks/in_situ.hpp"
#include "data/sinks/in_situ_config.hpp"

namespace eddyline {

/// The script that the configuration names: a ready one of share/eddyline/catalyst by its name, or
/// a file. \throw Error  if there is none, naming the ready ones
std::filesystem::path catalyst_script(CatalystConfig const& config);

/// Names of the sources by which a script that ParaView exported reads files where none of its
/// sources has a name of `channels`: it would go on showing those files, not the run.
/// \param script  its text
std::vector<std::string> sources_of_other_files(std::string const& script,
                                                std::vector<std::string> const& channels);

/// Where a run's ParaView writes, how scripts find the frames, and what ends a pause.
struct CatalystPlace {
  std::filesystem::path output;       ///< of what a script names by relative paths
  std::vector<std::string> channels;  ///< registration names of the script's source
  /// Whether this rank was told to end the run; asked while a live ParaView pauses it.
  std::function<bool()> stop_asked = [] { return false; };
};

/// ParaView Catalyst (5.11's interface), in a library of its own that is opened here. Once a
/// process; collective over the ranks that share the frames. The object ends before MPI does.
/// \throw Error    if this build or machine has no ParaView, naming what to install; if
///                 `catalyst.live` is no host:port
std::unique_ptr<InSitu> open_catalyst(CatalystConfig const& config,
                                      CatalystPlace const& place,
                                      Communicator const& ranks);

/// Says, before a run begins, what open_catalyst would miss. \throw Error
void check_catalyst(CatalystConfig const& config);

}  // namespace eddyline
