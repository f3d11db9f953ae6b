#pragma once

#include <memory>
#include <string>

#include "data/field/state.hpp"
#include "data/sinks/in_situ_config.hpp"
#include "workflows/training/learning_step.hpp"
#include "workflows/training/training_data.hpp"

namespace eddyline {

/// `catalyst:` of a training: which forecast ParaView shows while the network learns.
struct ShownForecastConfig : CatalystConfig {
  ShownForecastConfig() { every = 100; }

  std::string set;
  int64_t start = 0;
  int64_t steps = 1;

  template <class Visitor>
  void visit(Visitor&& v) {
    CatalystConfig::visit(v);
    v("set",
      set,
      "of a training on several data sets (data.mix): the one to show; empty: the first");
    v("start",
      start,
      "of a training: frame of the trajectory (of the valid part) at which its sample begins, or "
      "the first one after it");
    v("steps",
      steps,
      "of a training: steps of the network from those frames to the frame that is shown, with its "
      "truth and error");
  }
};

/// A forecast of one sample of the validation part, made anew with the weights of the day: the same
/// frames are read, the same frame is predicted, so that pictures tell what was learned between.
///
/// Where samples are split, all tensors are this rank's block and the ranks of a sample call it
/// together; no other rank does.
class ValidationForecast {
 public:
  /// Finds the sample. \throw Error  if the data set has no valid part, or nothing in it begins at
  /// `config.start` and goes on for `config.steps`; naming the key and what is there
  ValidationForecast(TrainingData const& data, ShownForecastConfig const& config);

  /// Of the frames: prediction, `_truth`, `_error`.
  FieldSet const& fields() const { return spec_->fields; }
  /// Trajectories that could be shown.
  int64_t trajectories() const { return set_.valid->trajectories(); }
  /// Reads the sample, after TrainingData::settle_statistics.
  void read(at::Device device);
  /// The last of `config.steps` forecast steps with the weights that the network has now, in
  /// physical units, (1, 3 C, D, H, W). Its time is the training step `step`. Nothing random is
  /// drawn, no gradient kept; the network is in evaluation after it.
  State made(LearningStep& learner, int64_t step) const;

 private:
  int64_t find_sample() const;

  TrainingSet const& set_;
  int64_t trajectory_, start_, steps_;
  int64_t sample_;
  int64_t frame_;  ///< of the trajectory, that is predicted
  Batch batch_;    ///< normalised, without target; forcing of all steps
  at::Tensor truth_;
  std::shared_ptr<StateSpec const> spec_;
};

}  // namespace eddyline
