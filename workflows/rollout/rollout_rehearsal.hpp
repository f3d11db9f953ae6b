#pragma once

#include <memory>

#include "data/pipeline/dataset.hpp"
#include "workflows/rehearsal/rehearsal.hpp"
#include "workflows/rollout/rollout_config.hpp"
#include "workflows/trained_model.hpp"

namespace eddyline {

/// What of a rollout's data its memory depends on.
struct RolloutSize {
  int64_t trajectories = 1;
  TruthKind truth = TruthKind::automatic;  ///< automatic: truth and error are written, too
};

/// Steps of a rollout of a trained network.
class RolloutRehearsal final : public Rehearsal {
 public:
  /// \param model, data  outlive it
  RolloutRehearsal(RolloutConfig const& config,
                   TrainedModel const& model,
                   Dataset const& data,
                   RolloutSize size);

  bool splits_samples() const override;
  void check(Sharing const& sharing) const override;
  int64_t cells_and_samples(Sharing const& sharing) const override;
  /// Takes three steps of the trajectories that a rank steps at once.
  std::optional<RankNeeds> needs(Sharing const& sharing,
                                 int64_t most_work = kAnyWork) const override;
  double ample_bytes(Sharing const& sharing) const override;
  int64_t present_bytes() const override { return weight_bytes(model_.network()); }

 private:
  int64_t local_samples(Sharing const& sharing) const;
  Decomposition division(Sharing const& sharing) const;
  std::shared_ptr<BatchSpec const> spec_of(Portion const& portion,
                                           std::shared_ptr<Mesh const> const& mesh) const;
  RankNeeds steps(Sharing const& sharing, int64_t most_work) const;
  int64_t waiting_bytes(RankNeeds const& needs) const;

  RolloutConfig const& config_;
  TrainedModel const& model_;
  Dataset const& data_;
  RolloutSize size_;
};

}  // namespace eddyline
