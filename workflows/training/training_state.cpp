#include "workflows/training/training_state.hpp"

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "surrogates/stored_model.hpp"

namespace eddyline {
namespace {

/// Tensors whose name begins with `prefix`, without it.
std::map<std::string, at::Tensor> below(std::map<std::string, at::Tensor> const& tensors,
                                        std::string const& prefix) {
  std::map<std::string, at::Tensor> found;
  for (auto const& [name, tensor] : tensors) {
    if (name.starts_with(prefix)) {
      found[name.substr(prefix.size())] = tensor;
    }
  }
  return found;
}

/// What `collect` gives while the network holds the averaged weights, and the plain weights.
template <class Collect>
std::map<std::string, at::Tensor> averaged_and_plain(WeightAverage& average, Collect collect) {
  Averaged const averaged(average);
  std::map<std::string, at::Tensor> tensors = collect();
  if (average.is_on()) {
    for (auto& item : tensors) {
      item.second =
          item.second.clone();  // a host tensor is the network's, which goes on with others
    }
  }
  for (auto const& [key, tensor] : average.save()) {
    tensors[kPlainWeights + key] = tensor;
  }
  return tensors;
}

}  // namespace

nlohmann::json to_json(TrainingState const& state) {
  nlohmann::json json = {{"step", state.step},
                         {"epoch", state.epoch},
                         {"batch", state.batch},
                         {"best_step", state.best_step},
                         {"bad_validations", state.bad_validations},
                         {"loss_sum", state.loss_sum},
                         {"loss_steps", state.loss_steps}};
  json["best_loss"] =
      std::isfinite(state.best_loss) ? nlohmann::json(state.best_loss) : nlohmann::json(nullptr);
  return json;
}

TrainingState training_state_from_json(nlohmann::json const& json) {
  try {
    TrainingState state{.step = json.at("step"),
                        .epoch = json.at("epoch"),
                        .batch = json.at("batch"),
                        .best_step = json.at("best_step"),
                        .bad_validations = json.at("bad_validations"),
                        .loss_sum = json.at("loss_sum"),
                        .loss_steps = json.at("loss_steps")};
    if (!json.at("best_loss").is_null()) {
      state.best_loss = json.at("best_loss");
    }
    return state;
  } catch (nlohmann::json::exception const& error) {
    throw Error(concat("the checkpoint's training state is incomplete: ", error.what()));
  }
}

NativeCheckpoint pack_training(LearningStep& learner,
                               std::map<std::string, at::Tensor> const& moments,
                               WeightAverage& average,
                               Schedule const& schedule,
                               TrainingState const& state) {
  NativeCheckpoint checkpoint;
  checkpoint.tensors = averaged_and_plain(average, [&] {
    auto tensors = model_tensors(learner.surrogate());
    if (auto const* adapter = learner.adapter()) {
      tensors.merge(adapter->state());
    }
    return tensors;
  });
  for (auto const& [key, tensor] : moments) {
    checkpoint.tensors[concat(kMoments, key)] = tensor;
  }
  checkpoint.facts["training"] = {{"state", to_json(state)}, {"schedule", schedule.save()}};
  return checkpoint;
}

TrainingState unpack_training(NativeCheckpoint const& checkpoint,
                              LearningStep& learner,
                              WeightAverage& average,
                              Schedule& schedule) {
  require(
      checkpoint.facts.contains("training"),
      "the checkpoint holds a model but no training to resume; start a new run with train.from");
  auto const& training = checkpoint.facts["training"];
  require(training.contains("state") && training.contains("schedule"),
          "the checkpoint's 'training' facts are incomplete");
  if (auto* const adapter = learner.adapter()) {
    adapter->load(checkpoint.tensors);
  }
  load_model_tensors(learner.surrogate(), checkpoint.tensors);
  average.load(below(checkpoint.tensors, kPlainWeights));
  average.swap();
  learner.optimiser().load(below(checkpoint.tensors, std::string(kMoments)));
  schedule.load(training["schedule"]);
  return training_state_from_json(training["state"]);
}

std::map<std::string, at::Tensor> adapter_tensors(Adapter const& adapter, WeightAverage& average) {
  return averaged_and_plain(average, [&] { return adapter.tensors(); });
}

}  // namespace eddyline
