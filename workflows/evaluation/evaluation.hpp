#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/field/stepper.hpp"
#include "data/pipeline/dataset.hpp"
#include "data/pipeline/forcing.hpp"
#include "workflows/evaluation/baseline.hpp"
#include "workflows/evaluation/score_board.hpp"
#include "workflows/rollout/rollout_progress.hpp"

namespace eddyline {

/// Makes the stepper for a batch of starts: the forcing depends on them.
using MakeStepper = std::function<std::unique_ptr<Stepper>(std::vector<StartFrame> const&)>;

/// What is forecast and scored.
struct EvaluationPlan {
  int64_t horizon = 1;               ///< steps
  std::vector<std::string> columns;  ///< names of metrics
  int64_t batch = 16;                ///< windows that a rank forecasts at once
  at::Device device = at::kCPU;
  Affine normalisation = {};  ///< (1, C), for metrics in normalised space
};

/// Forecasts from every given window (Rollout, observed) and scores each step of the model and of
/// the baselines against the truth: on the same windows, the same cells (data.fit) and the same
/// mask (data.missing). Windows are shared out to the ranks in turn by batches; frames are read
/// step by step, so that memory does not grow with the horizon. Where the data's samples are split,
/// the ranks of a sample forecast and score it together, each on its block. The methods are "model"
/// and the baselines' names.
class Evaluator {
 public:
  /// \param data  history frames of its window at least those of the stepper, and two for `linear`
  Evaluator(Dataset& data,
            Baselines const& baselines,
            MakeStepper make_stepper,
            Communicator const& ranks);

  /// Collective.
  Scores run(std::vector<WindowAddress> const& windows, EvaluationPlan const& plan);

 private:
  struct Task {
    EvaluationPlan const& plan;
    ScoreBoard& board;
    RolloutProgress& progress;
    double weight;  ///< windows of all ranks that one of this rank stands for
  };
  void score_batch(std::vector<WindowAddress> const& windows, Task const& task);
  at::Tensor read_at(std::vector<WindowAddress> const& windows, int64_t offset, Task const& task);

  Dataset& data_;
  Baselines const& baselines_;
  MakeStepper make_stepper_;
  Communicator const& ranks_;
  Communicator alone_ = Communicator::self();  ///< ranks roll out windows of their own
};

/// Every window of a part, at most `most` of them, evenly spread.
std::vector<WindowAddress> all_windows(Dataset const& data, int64_t most);
/// Windows that a rollout of `horizon` steps starts from: `every` frames apart in each trajectory
/// (0: the first only), as many as fit.
std::vector<WindowAddress> rollout_windows(Dataset const& data, int64_t horizon, int64_t every);

}  // namespace eddyline
