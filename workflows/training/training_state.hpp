#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "surrogates/adaptation/adapter.hpp"
#include "surrogates/checkpoints/native.hpp"
#include "workflows/training/learning_step.hpp"
#include "workflows/training/schedule.hpp"
#include "workflows/training/weight_average.hpp"

namespace eddyline {

/// Where a training is: with the weights, the optimiser's state and the schedule all that it needs
/// to go on. Random streams are functions of (seed, step), so they need no state.
struct TrainingState {
  int64_t step = 0;   ///< optimiser steps done
  int64_t epoch = 0;  ///< of the next batch
  int64_t batch = 0;  ///< global batches of that epoch that are done
  double best_loss = std::numeric_limits<double>::infinity();  ///< of a validation
  int64_t best_step = 0;
  int64_t bad_validations = 0;  ///< in a row
  double loss_sum = 0;          ///< of the steps since the last row of metrics.csv, over all ranks
  int64_t loss_steps = 0;
};

nlohmann::json to_json(TrainingState const& state);
/// \throw Error  naming the key that is missing
TrainingState training_state_from_json(nlohmann::json const& json);

/// A checkpoint's tensors and facts, without the facts of model and data that the caller adds.
/// Where an average of the weights is kept, it is the model, and the weights are beside it as
/// "plain/<parameter>"; the network is left as it was. With train.adapt the
/// adapter's state() is in it.
/// \param moments  what learner.optimiser().save() gave
NativeCheckpoint pack_training(LearningStep& learner,
                               std::map<std::string, at::Tensor> const& moments,
                               WeightAverage& average,
                               Schedule const& schedule,
                               TrainingState const& state);
/// The way back. \throw Error  if the checkpoint holds no training or does not fit
TrainingState unpack_training(NativeCheckpoint const& checkpoint,
                              LearningStep& learner,
                              WeightAverage& average,
                              Schedule& schedule);
/// What an adapter alone holds: its tensors(), averaged and plain as in pack_training.
std::map<std::string, at::Tensor> adapter_tensors(Adapter const& adapter, WeightAverage& average);

}  // namespace eddyline
