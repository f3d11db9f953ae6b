#include "workflows/training/training_log.hpp"

#include <fmt/format.h>

#include <memory>
#include <sstream>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/progress.hpp"

namespace eddyline {

void log_set(TrainingSet const& set) {
  auto const& spec = *set.train->batch_spec();
  log_line("data      ",
           set.part.name.empty() ? std::string() : set.part.name + ": ",
           set.part.config.path,
           ": ",
           spec.output_fields.describe(),
           " on ",
           spec.input_grid.describe());
  log_line("samples   ",
           set.train->windows(),
           " to train on (",
           set.train->trajectories(),
           " series), ",
           set.valid && set.valid->windows() > 0 ? concat(set.valid->windows(), " to validate with")
                                                 : std::string("none to validate with"));
}

void log_progress(Trainer& trainer) {
  auto const progress = std::make_shared<Progress>("train", trainer.state().step);
  auto const shown = std::make_shared<ProgressState>();
  shown->steps = trainer.total_steps();
  trainer.on_report = [shown](StepReport const& report) {
    shown->values = fmt::format(
        "epoch {}, loss {:.4e}, rate {:.2e}", report.epoch, report.loss, report.learning_rate);
    shown->samples_per_second = report.samples_per_second;
    shown->phases = report.phases;
  };
  trainer.on_step = [shown, progress](int64_t step) {
    shown->step = step;
    step == shown->steps ? progress->finish(*shown) : progress->update(*shown);
  };
  trainer.on_validation = [](int64_t step, ValidationResult const& result) {
    log_line(fmt::format("step {}  validation loss {:.4e}  vrmse.well {:.4f}{}",
                         step,
                         result.loss,
                         result.model_mean,
                         result.persistence.empty()
                             ? ""
                             : fmt::format(" (persistence {:.4f})", result.persistence_mean)));
  };
}

void log_best(Trainer const& trainer) {
  if (auto const& valid = trainer.last_validation()) {
    log_line(fmt::format("best validation loss {:.4e} at step {}",
                         trainer.state().best_loss,
                         trainer.state().best_step));
    for (size_t i = 0; i < valid->channels.size(); ++i) {
      log_line(fmt::format("  {:<20} vrmse.well {:.4f}{}",
                           valid->channels[i],
                           valid->model[i],
                           valid->persistence.empty()
                               ? ""
                               : fmt::format("   persistence {:.4f}", valid->persistence[i])));
    }
  }
}

void log_times(Trainer const& trainer) {
  std::istringstream lines(trainer.timers().report());
  for (std::string line; std::getline(lines, line);) {
    log_line("  ", line);
  }
}

}  // namespace eddyline
