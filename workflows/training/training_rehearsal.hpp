#pragma once

#include <memory>
#include <vector>

#include "surrogates/registry.hpp"
#include "workflows/rehearsal/rehearsal.hpp"
#include "workflows/training/learning_step.hpp"
#include "workflows/training/model_section.hpp"
#include "workflows/training/one_batch.hpp"
#include "workflows/training/train_job.hpp"
#include "workflows/training/training_data.hpp"

namespace eddyline {

/// Optimiser steps and a validation of a training.
class TrainingRehearsal final : public Rehearsal {
 public:
  /// Opens the data on this process alone. \throw Error  as the training would
  explicit TrainingRehearsal(TrainJobConfig config);
  /// Of a run that has its data and its network already; they outlive it.
  TrainingRehearsal(TrainJobConfig config, TrainingData const& data, Surrogate const& network);

  bool splits_samples() const override { return entry_->splits_samples; }
  void check(Sharing const& sharing) const override;
  int64_t cells_and_samples(Sharing const& sharing) const override;
  /// Takes two training steps of each data set, and a batch of a validation where there is one.
  std::optional<RankNeeds> needs(Sharing const& sharing,
                                 int64_t most_work = kAnyWork) const override;
  double ample_bytes(Sharing const& sharing) const override;
  int64_t present_bytes() const override { return present_; }

 private:
  using Spec = std::shared_ptr<BatchSpec const>;
  /// Samples of a data set for one rank.
  struct SetPart {
    Spec spec;
    int64_t samples = 1;
  };
  int64_t local_samples(Sharing const& sharing) const;
  Decomposition division(TrainingSet const& set, Sharing const& sharing) const;
  std::shared_ptr<Mesh const> mesh_for(Sharing const& sharing) const;
  std::vector<SetPart> parts(std::shared_ptr<Mesh const> const& mesh,
                             Sharing const& sharing,
                             int64_t most_work) const;
  RankNeeds steps(Sharing const& sharing, int64_t most_work) const;
  void take_steps(LearningStep& learner, OneBatch& source, RankNeeds& needs) const;
  void add_what_is_not_tried(RankNeeds& needs, int64_t batch, Sharing const& sharing) const;
  bool validates() const;
  int64_t cached_bytes(Sharing const& sharing) const;
  Batch made_up(Surrogate const& network, SetPart const& part) const;

  TrainJobConfig config_;
  ModelSection section_;
  SurrogateEntry const* entry_ = nullptr;
  std::unique_ptr<TrainingData> own_data_;
  TrainingData const* data_ = nullptr;
  std::array<int64_t, 3> patch_ = {1, 1, 1};
  int64_t present_ = 0;
};

}  // namespace eddyline
