#include "workflows/training/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>

#include "core/error.hpp"

namespace eddyline {

Schedule::Schedule(ScheduleConfig const& config, int64_t total_steps)
    : config_(config), total_steps_(total_steps) {
  require(config.peak > 0, "train.schedule.peak is ", config.peak, "; a learning rate is > 0");
  require(config.warmup_steps >= 0,
          "train.schedule.warmup_steps is ",
          config.warmup_steps,
          "; allowed: >= 0");
  require(config.floor >= 0 && config.floor <= 1,
          "train.schedule.floor is ",
          config.floor,
          "; it is a fraction of the peak, 0 ... 1");
  require(config.every_steps >= 1,
          "train.schedule.every_steps is ",
          config.every_steps,
          "; allowed: >= 1");
  require(config.factor > 0 && config.factor <= 1,
          "train.schedule.factor is ",
          config.factor,
          "; allowed: 0 < factor <= 1");
  require(config.kind != ScheduleKind::cosine || config.warmup_steps < total_steps,
          "train.schedule.warmup_steps is ",
          config.warmup_steps,
          ", but the run has ",
          total_steps,
          " steps in all; warm up for fewer");
}

double Schedule::rate(int64_t step) const {
  if (step < config_.warmup_steps) {
    return config_.peak * plateau_scale_ * static_cast<double>(step + 1) /
           static_cast<double>(config_.warmup_steps);
  }
  double scale = 1;
  switch (config_.kind) {
    case ScheduleKind::constant:
      break;
    case ScheduleKind::cosine: {
      auto const length =
          static_cast<double>(std::max<int64_t>(1, total_steps_ - config_.warmup_steps));
      auto const done = std::min(1.0, static_cast<double>(step - config_.warmup_steps) / length);
      scale = config_.floor + (1 - config_.floor) * 0.5 * (1 + std::cos(std::numbers::pi * done));
      break;
    }
    case ScheduleKind::step:
      scale = std::max(config_.floor,
                       std::pow(config_.factor, static_cast<double>(step / config_.every_steps)));
      break;
    case ScheduleKind::plateau:
      scale = std::max(config_.floor, plateau_scale_);
      break;
  }
  return config_.peak * scale;
}

void Schedule::observe(double validation_loss) {
  if (config_.kind != ScheduleKind::plateau) {
    return;
  }
  if (validation_loss < best_ * (1 - config_.threshold)) {
    best_ = validation_loss;
    bad_ = 0;
  } else if (++bad_ > config_.patience) {
    plateau_scale_ *= config_.factor;
    bad_ = 0;
  }
}

nlohmann::json Schedule::save() const {
  nlohmann::json state = {{"bad", bad_}, {"plateau_scale", plateau_scale_}};
  state["best"] = std::isfinite(best_) ? nlohmann::json(best_) : nlohmann::json(nullptr);
  return state;
}

void Schedule::load(nlohmann::json const& state) {
  bad_ = state.at("bad").get<int64_t>();
  plateau_scale_ = state.at("plateau_scale").get<double>();
  best_ = state.at("best").is_null() ? std::numeric_limits<double>::infinity()
                                     : state.at("best").get<double>();
}

}  // namespace eddyline
