#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "workflows/training/model_section.hpp"
#include "workflows/training/train_job.hpp"
#include "workflows/training/training_data.hpp"

namespace eddyline {

/// How many ranks train, and how they share the samples.
struct Sharing {
  int ranks = 1;
  std::array<int, 3> domain = {1, 1, 1};  ///< parallel.domain

  int to_a_sample() const { return domain[0] * domain[1] * domain[2]; }
  int64_t data_ranks() const { return ranks / to_a_sample(); }
};

/// What a rank needs for a training step.
struct RankNeeds {
  int64_t cells = 0;    ///< of its block, of the largest data set
  int64_t samples = 0;  ///< of a batch
  /// Most bytes of tensors at once: weights, gradients, moments, activations, batches made ahead.
  /// Scratch inside libraries is not in it.
  int64_t tensor_bytes = 0;
  std::map<std::string, int64_t> sent;  ///< bytes that leave it in an optimiser step, by kind
};

/// A training that is taken apart before it is run: its data are opened, and steps of one rank are
/// taken with numbers that mean nothing, while nothing is sent. So memory and bytes are those of
/// the step itself, with all options of the run.
class Rehearsal {
 public:
  /// Opens the data on this process alone. \throw Error  as the training would
  explicit Rehearsal(TrainJobConfig config);

  /// True if the network works on parts of samples.
  bool splits_samples() const { return entry_->splits_samples; }
  /// \throw Error  if a grid cannot be split so, naming the splits that work
  void check(Sharing const& sharing) const;
  /// Work of a step: cells of the busiest rank's block times its samples, of the largest data set.
  int64_t cells_and_samples(Sharing const& sharing) const;
  /// What the busiest rank needs: of the largest block, and of those one with most neighbours.
  /// Takes two training steps of each data set.
  RankNeeds needs(Sharing const& sharing) const;

 private:
  int busiest(Sharing const& sharing) const;
  int64_t local_samples(Sharing const& sharing) const;
  std::array<int64_t, 3> align(std::array<int64_t, 3> cells) const;
  Decomposition division(TrainingSet const& set, Sharing const& sharing) const;
  std::shared_ptr<BatchSpec const> part_spec(TrainingSet const& set,
                                             std::shared_ptr<Mesh const> const& mesh) const;
  Batch made_up(Surrogate const& network,
                std::shared_ptr<BatchSpec const> spec,
                int64_t samples) const;

  TrainJobConfig config_;
  ModelSection section_;
  SurrogateEntry const* entry_ = nullptr;
  std::unique_ptr<TrainingData> data_;
  std::array<int64_t, 3> patch_ = {1, 1, 1};
};

}  // namespace eddyline
