#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/communicator.hpp"
#include "core/timers.hpp"
#include "workflows/training/checkpoint_folder.hpp"
#include "workflows/training/event_file.hpp"
#include "workflows/training/learning_step.hpp"
#include "workflows/training/metrics_table.hpp"
#include "workflows/training/training_state.hpp"
#include "workflows/training/validation.hpp"

namespace eddyline {

/// How a training ended.
enum class Outcome {
  finished,   ///< all steps are done
  converged,  ///< early stop: the validation loss has not improved for train.validate.patience
              ///< validations
  stopped,    ///< on request or by the time limit, after saving: exit 75
};

/// What a Trainer works on.
struct TrainerParts {
  std::shared_ptr<Surrogate> surrogate;  ///< on the device
  TargetRule rule;
  BatchSource* train = nullptr;  ///< outlives the trainer
  /// One a data set; empty: no validation, every saved checkpoint is the best.
  std::vector<ValidationSet> valid;
  nlohmann::json facts;  ///< model, statistics, data, …: written into every checkpoint
  MomentsOn moments = MomentsOn::every_rank;
  /// Of the run: checkpoints/, adapters/, metrics.csv, events.out.tfevents.*
  std::filesystem::path folder;
  std::function<bool()> stop_requested = [] {
    return false;
  };  ///< asked on every rank after each step
};

/// What to say of a step that ends a log interval.
struct StepReport {
  int64_t step = 0, total = 0, epoch = 0;
  double loss = 0, learning_rate = 0, gradient_norm = 0;
  double samples_per_second = 0;  ///< over all ranks, while training
  PhaseSeconds phases = {};       ///< of this rank, since the last report
};

/// Data-parallel training: the same weights on every rank, each with its share of every batch.
///
/// At every step boundary all ranks agree on what follows. On the same ranks, with the same number
/// of threads, a run that was stopped and resumed has the same bits as one that was not; on other
/// ranks it is the same to round-off.
class Trainer {
 public:
  Trainer(TrainerParts parts, TrainConfig const& config, Communicator const& ranks);

  /// Goes on where the checkpoint was written.
  void resume(NativeCheckpoint const& checkpoint);
  /// Trains to the end. Collective.
  /// \throw Diverged  if the loss is not finite; the last checkpoint is from before
  Outcome run();

  /// Whether this rank has a reason to end the run at the next step: it was requested, or the time
  /// limit is over.
  bool is_told_to_stop() const;
  int64_t total_steps() const { return total_steps_; }
  TrainingState const& state() const { return state_; }
  std::optional<ValidationResult> const& last_validation() const { return last_validation_; }
  CheckpointFolder const& checkpoints() const { return checkpoints_; }
  /// With train.adapt: adapters alone, one beside each checkpoint.
  CheckpointFolder const& adapters() const { return adapters_; }
  LearningStep& learner() { return learner_; }
  /// While the result lives the network holds the averaged weights (train.ema), if they are kept.
  [[nodiscard]] Averaged averaged() { return Averaged(average_); }
  /// Where this rank's time went so far.
  Timers const& timers() const { return timers_; }

  std::function<void(int64_t step)> on_step = [](int64_t) {};  ///< after its report, if it has one
  std::function<void(StepReport const&)> on_report = [](StepReport const&) {};
  std::function<void(int64_t step, ValidationResult const&)> on_validation =
      [](int64_t, ValidationResult const&) {};
  /// Looks at the weights before the first step and after each `every` of all; 0: never. They are
  /// as they were after it. Called on all ranks; its time is none of the training.
  struct Showing {
    int64_t every = 0;
    std::function<void(int64_t step)> show;
  } showing;

 private:
  struct Due {
    bool validation = false, checkpoint = false, last = false;
  };
  void one_step();
  void split_time(double seconds);
  Due due() const;
  void read_loss();
  void report();
  void record(std::map<std::string, double> const& values);
  bool validate_now();
  void show_now();
  ValidationResult validate_all();
  void save(Standing standing);
  NativeCheckpoint pack(std::map<std::string, at::Tensor> const& moments);
  void refuse_divergence(bool finite);
  bool agree_to_stop() const;
  std::vector<std::string> columns() const;

  TrainerParts parts_;
  TrainConfig config_;
  Communicator const& ranks_;
  LearningStep learner_;
  WeightAverage average_;
  int64_t total_steps_;
  Schedule schedule_;
  CheckpointFolder checkpoints_, adapters_;
  TrainingState state_;
  std::optional<MetricsTable> table_;  ///< rank 0's
  std::optional<EventFile> events_;    ///< rank 0's
  std::optional<ValidationResult> last_validation_;
  at::Tensor unread_loss_;  ///< 0-dim float64, this rank's parts of steps not yet in state_
  at::Tensor gradient_norm_;
  int64_t saved_step_ = -1;
  std::chrono::steady_clock::time_point started_;
  Timers timers_;
  PhaseSeconds reported_;
  int64_t samples_ = 0;
  double waited_ = 0, communicated_ = 0;
};

}  // namespace eddyline
