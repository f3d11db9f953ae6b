#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/config.hpp"

namespace eddyline {

enum class ScheduleKind { constant, cosine, step, plateau };

template <>
struct EnumNames<ScheduleKind> {
  static constexpr auto names =
      std::to_array<std::pair<ScheduleKind, char const*>>({{ScheduleKind::constant, "constant"},
                                                           {ScheduleKind::cosine, "cosine"},
                                                           {ScheduleKind::step, "step"},
                                                           {ScheduleKind::plateau, "plateau"}});
};

/// How the learning rate changes over a run. The defaults are MORPH's plateau rule.
struct ScheduleConfig {
  ScheduleKind kind = ScheduleKind::plateau;
  double peak = 1e-3;
  int64_t warmup_steps = 0;
  double floor = 0;
  int64_t every_steps = 1000;
  double factor = 0.5;
  int64_t patience = 5;
  double threshold = 1e-4;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("kind", kind, "constant, cosine (to the last step), step, or plateau of the validation loss");
    v("peak", peak, "largest learning rate");
    v("warmup_steps", warmup_steps, "optimiser steps of linear increase, with any kind");
    v("floor", floor, "smallest learning rate, as a fraction of the peak (cosine, step, plateau)");
    v("every_steps", every_steps, "step: optimiser steps between two reductions");
    v("factor", factor, "step, plateau: what a reduction multiplies the rate by");
    v("patience", patience, "plateau: validations without improvement that are let pass");
    v("threshold", threshold, "plateau: relative improvement that counts");
  }
};

/// The learning rate of each optimiser step.
class Schedule {
 public:
  /// \param total_steps  of the whole run: where cosine ends
  /// \throw Error        naming the key that is out of its range
  Schedule(ScheduleConfig const& config, int64_t total_steps);

  /// Rate of the optimiser step numbered from 0.
  double rate(int64_t step) const;
  /// Tells plateau of a validation loss. Same rule as PyTorch's ReduceLROnPlateau (min, rel).
  void observe(double validation_loss);

  /// What observe() remembers.
  nlohmann::json save() const;
  void load(nlohmann::json const& state);

 private:
  ScheduleConfig config_;
  int64_t total_steps_;
  double best_ = std::numeric_limits<double>::infinity();
  int64_t bad_ = 0;
  double plateau_scale_ = 1;
};

}  // namespace eddyline
