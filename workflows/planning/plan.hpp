#pragma once

#include <optional>
#include <string>
#include <vector>

#include "workflows/rehearsal/rehearsal.hpp"
#include "workflows/rollout/rollout_config.hpp"
#include "workflows/training/train_job.hpp"

namespace eddyline {

/// `plan`: what is looked at.
struct PlanConfig {
  int64_t ranks = 4;
  double memory = 0;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("ranks", ranks, "number of ranks up to which every one is looked at");
    v("memory",
      memory,
      "GiB that a rank may have; 0: this machine's memory divided by the ranks, as if all were on "
      "it");
  }
};

/// The configuration of `eddyline plan`: that of the run, and `plan`.
template <class RunJobConfig>
struct PlanConfigOf : RunJobConfig {
  PlanConfig plan;

  template <class Visitor>
  void visit(Visitor&& v) {
    RunJobConfig::visit(v);
    v("plan", plan, "which ranks are looked at (eddyline plan)");
  }
};
using PlanJobConfig = PlanConfigOf<TrainJobConfig>;
using RolloutPlanConfig = PlanConfigOf<RolloutConfig>;

/// One way to share a run out: what a rank needs for it.
struct PlanRow {
  Sharing sharing;
  RankNeeds needs;
  double process = 0;  ///< bytes of the program itself and its libraries
  double scratch =
      0;              ///< bytes that a step took besides tensors: of libraries, and between tensors
  double memory = 0;  ///< bytes: the program's own, and tensors
  bool fits = true;
};

/// Tries a step for every number of ranks and every split that the grid allows. What would not fit
/// on this machine is not tried: its needs are those of steps on fewer cells, in proportion.
/// \param obtainable  bytes that a trial may take; none: what is free here, or `ulimit -v` leaves
/// \throw Error  as the run would, if plan.ranks < 1 or plan.memory < 0, or if the rollout is one
/// of
///               a solver
std::vector<PlanRow> plan(PlanJobConfig const& config, std::optional<double> obtainable = {});
std::vector<PlanRow> plan(RolloutPlanConfig const& config, std::optional<double> obtainable = {});

/// The rows as a table.
std::string plan_table(std::vector<PlanRow> const& rows);

}  // namespace eddyline
