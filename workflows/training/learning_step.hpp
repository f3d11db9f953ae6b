#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/communicator.hpp"
#include "surrogates/adaptation/adapter.hpp"
#include "surrogates/prediction.hpp"
#include "workflows/training/batch_source.hpp"
#include "workflows/training/gradients.hpp"
#include "workflows/training/train_config.hpp"

namespace eddyline {

/// Most autoregressive steps of one optimiser step: each has its own place in the random streams.
constexpr int64_t kMaxUnroll = 256;

/// Which ranks keep the optimiser's moments of a parameter.
enum class MomentsOn {
  every_rank,
  one_rank,  ///< equal parts: 1/ranks of the memory, and a message of the weights a step
};

/// The ranks that train together.
struct TrainingRanks {
  TrainingRanks(Communicator const& all, MomentsOn kept = MomentsOn::every_rank)
      : all(all), moments(kept) {}

  Communicator const& all;
  MomentsOn moments;
};

/// What an optimiser step is told, besides its data.
struct StepOrder {
  int64_t step = 0;     ///< number from 0: key of random streams and of the curriculum
  int64_t batches = 1;  ///< global batches that make it
  int64_t samples = 1;  ///< in all of them, over all ranks
  double learning_rate = 0;
};

/// What came out, on the device: reading it waits for the step.
struct StepResult {
  at::Tensor loss;           ///< 0-dim: this rank's part; the sum over ranks is the loss
  at::Tensor gradient_norm;  ///< 0-dim, before clipping; the same on all ranks
};

/// Parameters of a surrogate that its groups train, in definition order; all others are frozen.
/// \param adapter  trains only what it names, and A and B (`<weight>.A`, `<weight>.B`) with the
///                 settings of their weight's group; null: none
/// \throw Error    if a group names an unknown parameter
std::vector<TrainedParameter> trained_parameters(Surrogate& surrogate,
                                                 double weight_decay,
                                                 Adapter const* adapter = nullptr);

/// One optimiser step: forward, loss, backward with the sum over ranks, clipping, AdamW.
class LearningStep {
 public:
  /// Collective.
  LearningStep(std::shared_ptr<Surrogate> surrogate,
               TargetRule rule,
               Loss loss,
               TrainConfig const& config,
               TrainingRanks const& ranks);

  /// Takes the next batches of `source` and updates the weights. Collective.
  StepResult take(BatchSource& source, StepOrder const& order);
  /// Autoregressive steps at an optimiser step (train.unroll).
  int64_t unroll_at(int64_t step) const;
  /// Keys and precision of an optimiser step.
  Context context(int64_t step) const;
  /// The network's k frames in a row, (B, k To, Co, D, H, W), normalised by batch.target_norm. With
  /// train.unroll.gradients=last only those of the last step have a graph.
  at::Tensor predict(Batch const& batch, Context context, int64_t steps);
  /// Distance of that prediction from the batch's target, one number a sample: over all frames, or
  /// with train.unroll.gradients=last over those of the last step.
  at::Tensor loss_of(at::Tensor const& prediction, Batch const& batch, int64_t steps) const;

  Surrogate& surrogate() { return *surrogate_; }
  Loss const& loss() const { return loss_; }
  AdamW& optimiser() { return optimiser_; }
  GradientReducer const& reducer() const { return reducer_; }
  /// Of train.adapt; null where the network's own parameters are trained.
  Adapter* adapter() { return adapter_.get(); }

 private:
  at::Tensor part_of_loss(Batch batch, StepOrder const& order);

  std::shared_ptr<Surrogate> surrogate_;
  TargetRule rule_;
  Loss loss_;
  TrainConfig config_;
  std::unique_ptr<Adapter> adapter_;
  AdamW optimiser_;
  GradientReducer reducer_;
};

}  // namespace eddyline
