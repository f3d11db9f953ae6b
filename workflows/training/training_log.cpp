#include "workflows/training/training_log.hpp"

#include <fmt/format.h>

#include <chrono>

#include "core/log.hpp"

namespace eddyline {
namespace {

constexpr auto kBetweenLines = std::chrono::seconds(5);

}  // namespace

void log_progress(Trainer& trainer) {
  using Clock = std::chrono::steady_clock;
  trainer.on_report = [first = true,
                       shown = Clock::time_point()](StepReport const& report) mutable {
    if (Clock::now() - shown < kBetweenLines && report.step < report.total) {
      return;
    }
    shown = Clock::now();
    auto const left = static_cast<int64_t>(report.seconds_left);
    log_line(
        fmt::format("step {}/{}  epoch {}  loss {:.4e}  rate {:.2e}  {:.1f} samples/s  waiting "
                    "{:.0f} %  network {:.0f} %  {}{}:{:02} left",
                    report.step,
                    report.total,
                    report.epoch,
                    report.loss,
                    report.learning_rate,
                    report.samples_per_second,
                    100 * report.data_share,
                    100 * report.communication_share,
                    first ? "estimated " : "",
                    left / 60,
                    left % 60));
    first = false;
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

}  // namespace eddyline
