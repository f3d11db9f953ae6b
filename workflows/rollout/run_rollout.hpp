#pragma once

#include "core/communicator.hpp"
#include "core/error.hpp"
#include "workflows/rollout/rollout_config.hpp"
#include "workflows/run_folder.hpp"

namespace eddyline {

/// Rolls a model or a solver out and writes the rollout folder, with config.yaml, manifest.json and
/// log.txt. Trajectories are dealt out to the
/// ranks; the files do not depend on their number. Collective.
/// \param arguments  of the command line, for the manifest
/// \return           done, or stopped (a signal: resumable)
/// \throw Error      naming the key that is wrong, a folder that exists, data unlike the trained
/// ones \throw Diverged   if a frame is not finite; the frames before are saved
ExitCode run_rollout(RolloutConfig const& config,
                     Existing existing,
                     Communicator const& world,
                     std::vector<std::string> const& arguments = {});

}  // namespace eddyline
