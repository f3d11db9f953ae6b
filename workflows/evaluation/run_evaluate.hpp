#pragma once

#include "core/communicator.hpp"
#include "core/error.hpp"
#include "workflows/evaluation/evaluate_config.hpp"
#include "workflows/evaluation/report.hpp"
#include "workflows/run_folder.hpp"

namespace eddyline {

/// Scores a model and the baselines on the same windows and cells: one step from every window, and
/// rollouts of `horizon` steps. Prints a table and writes evaluation.json, and beside it its
/// evaluation.config.yaml, .manifest.json and .log.txt. Collective.
/// \param arguments  of the command line, for the manifest
/// \throw Error  naming the key that is wrong, a file that exists, data unlike the trained ones
EvaluationResult run_evaluate(EvaluateConfig const& config,
                              Existing existing,
                              Communicator const& world,
                              std::vector<std::string> const& arguments = {});

}  // namespace eddyline
