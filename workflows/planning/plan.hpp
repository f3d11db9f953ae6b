#pragma once

#include <optional>
#include <string>
#include <vector>

#include "workflows/planning/rehearsal.hpp"

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

/// The configuration of `eddyline plan`: that of the training, and `plan`.
struct PlanJobConfig : TrainJobConfig {
  PlanConfig plan;

  template <class Visitor>
  void visit(Visitor&& v) {
    TrainJobConfig::visit(v);
    v("plan", plan, "which ranks are looked at (eddyline plan)");
  }
};

/// One way to train: what a rank needs for it.
struct PlanRow {
  Sharing sharing;
  RankNeeds needs;
  double memory = 0;     ///< bytes: the program's own, and tensors
  bool is_taken = true;  ///< false: it was too big to try here; memory goes on from smaller ones
  bool fits = true;
};

/// Tries a training step for every number of ranks and every split that the grid allows, the
/// smallest blocks first. What would not fit on this machine is not tried: its memory grows in
/// proportion to cells and samples, and what it sends is not known.
/// \param obtainable  bytes that a trial may take; none: what is free here, or `ulimit -v` leaves
/// \throw Error  as the training would, or if plan.ranks < 1 or plan.memory < 0
std::vector<PlanRow> plan(PlanJobConfig const& config, std::optional<double> obtainable = {});

/// The rows as a table.
std::string plan_table(std::vector<PlanRow> const& rows);

}  // namespace eddyline
