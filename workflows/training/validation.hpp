#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/communicator.hpp"
#include "workflows/training/batch_source.hpp"
#include "workflows/training/learning_step.hpp"

namespace eddyline {

/// What the validation part says of the weights: one prediction from true frames.
struct ValidationResult {
  double loss = 0;  ///< as trained, over the unrolled steps; nothing random
  std::vector<std::string> channels;
  std::vector<double> model;  ///< vrmse.well of each output channel, first predicted frame
  std::vector<double>
      persistence;        ///< the same of "nothing changes"; empty if outputs are no inputs
  double model_mean = 0;  ///< over channels
  double persistence_mean = 0;
  std::map<std::string, double> losses;  ///< of each data set, where there are several
};

/// A validation part; `name` is that of its data set where there are several, else empty.
struct ValidationSet {
  std::string name;
  BatchSource* source = nullptr;
};

/// "<set>.<channel>", or the channel alone where sets have no names.
std::string channel_of(std::string const& set, std::string const& channel);

/// The mean over data sets of losses and of the means over channels; channels one set after
/// another.
ValidationResult joined(std::vector<std::pair<std::string, ValidationResult>> const& results);

/// Scores the first `batches` batches of `source` (0: all) without gradients, dropout or noise. The
/// same on all ranks. Collective.
ValidationResult validate(LearningStep& learner,
                          BatchSource& source,
                          int64_t batches,
                          Communicator const& ranks);

}  // namespace eddyline
