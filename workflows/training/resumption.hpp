#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/communicator.hpp"
#include "data/pipeline/dataset.hpp"
#include "surrogates/checkpoints/native.hpp"
#include "workflows/run_folder.hpp"

namespace eddyline {

/// The checkpoint that a run goes on from; none if it was stopped before it wrote one. Collective.
/// \throw Error  if it is damaged
std::optional<NativeCheckpoint> last_checkpoint(RunFolder const& folder, Communicator const& ranks);

/// A resumed run keeps its settings, but for how long it trains, how often it looks and saves, and
/// where it runs.
/// \param config  of the run now, as print_config() writes it
/// \throw Error   naming every setting that differs, or if a checkpoint is not of a training run
void check_same_settings(NativeCheckpoint const& checkpoint, std::string const& config);

/// A resumed run keeps its data: the place in the epoch and the statistics mean nothing in others.
/// \param before    facts of the data set in the run's checkpoint
/// \param training  the training part now
/// \param allow     differences that are meant (check_compatible)
/// \param where     what the data set is, for the message
/// \throw Error     naming what differs; another number of samples cannot be allowed
void check_same_data(nlohmann::json const& before,
                     Dataset const& training,
                     std::vector<std::string> const& allow,
                     std::string const& where);

}  // namespace eddyline
