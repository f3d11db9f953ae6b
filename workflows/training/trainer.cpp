#include "workflows/training/trainer.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/error.hpp"
#include "core/log.hpp"

namespace eddyline {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

int64_t steps_of_epoch(TrainConfig const& config, int64_t batches) {
  return (batches + config.accumulate - 1) / config.accumulate;
}

int64_t count_steps(TrainConfig const& config, BatchSource const& source) {
  return config.steps > 0 ? config.steps : config.epochs * steps_of_epoch(config, source.batches());
}

bool is_multiple(int64_t value, int64_t of) {
  return of > 0 && value % of == 0;
}

/// True if no weight is NaN or Inf.
bool is_finite(AdamW const& optimiser) {
  at::NoGradGuard const no_grad;
  std::vector<at::Tensor> values;
  for (auto const& parameter : optimiser.parameters()) {
    values.push_back(parameter.value);
  }
  return std::isfinite(at::stack(at::_foreach_norm(values)).sum().item<double>());
}

Loss make_loss(TrainerParts const& parts, TrainConfig const& config) {
  auto const parameters = parts.surrogate->parameters();
  std::vector<Grid> grids;
  for (auto const* spec : parts.train->specs()) {
    grids.push_back(spec->output_grid);
  }
  return {config.loss, grids, parameters.empty() ? at::kCPU : parameters[0].device()};
}

}  // namespace

Trainer::Trainer(TrainerParts parts, TrainConfig const& config, Communicator const& ranks)
    : parts_(std::move(parts)),
      config_(config),
      ranks_(ranks),
      learner_(parts_.surrogate,
               parts_.rule,
               make_loss(parts_, config),
               config,
               {ranks, parts_.moments}),
      average_(learner_.optimiser().parameters(),
               config.ema,
               [adapter = learner_.adapter()] {
                 if (adapter != nullptr) {
                   adapter->settle();
                 }
               }),
      total_steps_(count_steps(config, *parts_.train)),
      schedule_(config.schedule, total_steps_),
      checkpoints_(parts_.folder / "checkpoints", config.checkpoint.keep),
      adapters_(parts_.folder / "adapters", config.checkpoint.keep) {
  check(config);
}

std::vector<std::string> Trainer::columns() const {
  std::vector<std::string> columns = {"epoch",
                                      "loss",
                                      "learning_rate",
                                      "gradient_norm",
                                      "samples_per_second",
                                      "data_share",
                                      "communication_share",
                                      "unroll",
                                      "valid_loss",
                                      "valid_vrmse.well",
                                      "persistence_vrmse.well"};
  auto sets = parts_.valid;
  if (sets.empty()) {
    sets.push_back({"", parts_.train});
  }
  for (auto const& set : sets) {
    if (!set.name.empty()) {
      columns.push_back("valid_loss." + set.name);
    }
    for (auto const& channel : set.source->spec().output_fields.channel_names()) {
      columns.push_back("valid_vrmse.well." + channel_of(set.name, channel));
    }
  }
  return columns;
}

void Trainer::resume(NativeCheckpoint const& checkpoint) {
  state_ = unpack_training(checkpoint, learner_, average_, schedule_);
  saved_step_ = state_.step;
  auto const before = checkpoint.facts["training"].value("buckets", std::vector<int64_t>());
  auto const now = learner_.reducer().bucket_sizes();
  if (!before.empty() && !now.empty() && before != now) {
    log_warning("gradients travel in buckets of ",
                now,
                " instead of ",
                before,
                " numbers, so the run goes on equal to round-off, not bit for bit");
  }
}

Outcome Trainer::run() {
  started_ = Clock::now();
  ranks_.together([&] {
    if (ranks_.is_root()) {
      table_.emplace(parts_.folder / "metrics.csv", columns(), state_.step);
      events_.emplace(parts_.folder, state_.step);
    }
  });
  auto const patience = config_.validate.patience;
  auto const is_converged = [&] { return patience > 0 && state_.bad_validations >= patience; };
  parts_.train->start(state_.epoch, state_.batch);
  waited_ = parts_.train->wait_seconds();
  if (state_.step == 0) {
    show_now();
  }
  while (state_.step < total_steps_ && !is_converged()) {
    one_step();
    auto const now = due();
    if (is_multiple(state_.step, config_.log_every) || now.last) {
      report();
    }
    on_step(state_.step);
    bool const is_best = now.validation ? validate_now() : false;
    show_now();
    bool const stops = agree_to_stop();
    if (now.checkpoint || is_best || now.last || stops || is_converged()) {
      save(is_best || parts_.valid.empty() ? Standing::best : Standing::ordinary);
    }
    if (stops && !now.last && !is_converged()) {
      return Outcome::stopped;
    }
  }
  return state_.step >= total_steps_ ? Outcome::finished : Outcome::converged;
}

void Trainer::one_step() {
  auto const start = Clock::now();
  auto& source = *parts_.train;
  StepOrder order{.step = state_.step,
                  .batches = 0,
                  .samples = 0,
                  .learning_rate = schedule_.rate(state_.step)};
  for (; order.batches < config_.accumulate && state_.batch < source.batches();
       ++order.batches, ++state_.batch) {
    order.samples += source.samples(state_.batch);
  }
  auto const result =
      with_context([&] { return learner_.take(source, order); }, "training step ", state_.step);
  auto const loss = result.loss.to(at::kDouble);
  unread_loss_ = unread_loss_.defined() ? unread_loss_ + loss : loss;
  gradient_norm_ = result.gradient_norm;
  average_.follow(state_.step);
  ++state_.step;
  ++state_.loss_steps;
  samples_ += order.samples;
  if (state_.batch >= source.batches()) {
    ++state_.epoch;
    state_.batch = 0;
    source.start(state_.epoch, 0);
  }
  split_time(seconds_since(start));
}

/// Deals the seconds of a step to what they were spent on.
void Trainer::split_time(double seconds) {
  auto const waited = parts_.train->wait_seconds() - waited_;
  auto const communicated = learner_.reducer().waited_seconds() - communicated_;
  timers_.add("data", Phase::data, waited);
  timers_.add("gradients", Phase::communication, communicated);
  timers_.add("step", Phase::compute, std::max(0.0, seconds - waited - communicated));
  waited_ += waited;
  communicated_ += communicated;
}

Trainer::Due Trainer::due() const {
  auto const falls = [&](int64_t every_steps, int64_t every_epochs) {
    return is_multiple(state_.step, every_steps) ||
           (state_.batch == 0 && is_multiple(state_.epoch, every_epochs));
  };
  Due due;
  due.last = state_.step >= total_steps_;
  due.validation = !parts_.valid.empty() &&
                   (falls(config_.validate.every_steps, config_.validate.every_epochs) || due.last);
  due.checkpoint = falls(config_.checkpoint.every_steps, config_.checkpoint.every_epochs);
  return due;
}

void Trainer::read_loss() {
  if (unread_loss_.defined()) {
    state_.loss_sum += ranks_.all_reduce(unread_loss_.item<double>());
    unread_loss_ = at::Tensor();
  }
  refuse_divergence(std::isfinite(state_.loss_sum));
}

void Trainer::refuse_divergence(bool finite) {
  if (ranks_.all_reduce(static_cast<int64_t>(finite), Reduction::min) == 1) {
    return;
  }
  auto const saved = checkpoints_.steps();
  throw Diverged(concat(
      "the loss or a weight is not finite at step ",
      state_.step,
      " or up to ",
      config_.log_every,
      " steps before; ",
      saved.empty()
          ? std::string("no checkpoint was written yet")
          : concat("the last good state is '", checkpoints_.file(saved.back()).string(), "'"),
      "; lower train.schedule.peak, clip the gradient (train.clip=1) or use train.precision=fp32"));
}

void Trainer::record(std::map<std::string, double> const& values) {
  if (table_) {
    table_->add(state_.step, values);
    events_->add(state_.step, values);
  }
}

void Trainer::report() {
  {
    auto const span = timers_.measure("reading the loss", Phase::compute);  // waits for a GPU
    read_loss();
  }
  auto const phases = timers_.phases().since(reported_);
  auto const busy = std::max(phases.total() - phases.other, 1e-9);
  StepReport const report{.step = state_.step,
                          .total = total_steps_,
                          .epoch = state_.epoch,
                          .loss = state_.loss_sum / static_cast<double>(state_.loss_steps),
                          .learning_rate = schedule_.rate(state_.step - 1),
                          .gradient_norm = gradient_norm_.item<double>(),
                          .samples_per_second = static_cast<double>(samples_) / busy,
                          .phases = phases};
  record({{"epoch", static_cast<double>(report.epoch)},
          {"loss", report.loss},
          {"learning_rate", report.learning_rate},
          {"gradient_norm", report.gradient_norm},
          {"samples_per_second", report.samples_per_second},
          {"data_share", phases.data / busy},
          {"communication_share", phases.communication / busy},
          {"unroll", static_cast<double>(learner_.unroll_at(state_.step - 1))}});
  on_report(report);
  state_.loss_sum = 0;
  state_.loss_steps = 0;
  samples_ = 0;
  reported_ = timers_.phases();
}

ValidationResult Trainer::validate_all() {
  auto const weights = averaged();
  std::vector<std::pair<std::string, ValidationResult>> results;
  for (auto const& set : parts_.valid) {
    results.emplace_back(set.name,
                         validate(learner_, *set.source, config_.validate.batches, ranks_));
  }
  return joined(results);
}

bool Trainer::validate_now() {
  auto const span = timers_.measure("validation", Phase::other);
  auto const result =
      with_context([&] { return validate_all(); }, "validating after step ", state_.step);
  refuse_divergence(std::isfinite(result.loss));
  last_validation_ = result;
  schedule_.observe(result.loss);
  bool const is_best = result.loss < state_.best_loss;
  if (is_best) {
    state_.best_loss = result.loss;
    state_.best_step = state_.step;
  }
  state_.bad_validations = is_best ? 0 : state_.bad_validations + 1;
  std::map<std::string, double> row = {{"epoch", static_cast<double>(state_.epoch)},
                                       {"valid_loss", result.loss},
                                       {"valid_vrmse.well", result.model_mean}};
  if (!result.persistence.empty()) {
    row["persistence_vrmse.well"] = result.persistence_mean;
  }
  for (size_t i = 0; i < result.model.size(); ++i) {
    row["valid_vrmse.well." + result.channels[i]] = result.model[i];
  }
  for (auto const& [set, loss] : result.losses) {
    row["valid_loss." + set] = loss;
  }
  record(row);
  on_validation(state_.step, result);
  return is_best;
}

void Trainer::show_now() {
  if (is_multiple(state_.step, showing.every)) {
    auto const span = timers_.measure("in situ", Phase::other);
    with_context([&] { showing.show(state_.step); }, "showing the weights of step ", state_.step);
  }
}

NativeCheckpoint Trainer::pack(std::map<std::string, at::Tensor> const& moments) {
  auto checkpoint = pack_training(learner_, moments, average_, schedule_, state_);
  auto const training = std::move(checkpoint.facts["training"]);
  checkpoint.facts = parts_.facts;
  for (auto const& [key, value] : training.items()) {
    checkpoint.facts["training"][key] = value;
  }
  checkpoint.facts["training"]["buckets"] = learner_.reducer().bucket_sizes();
  if (last_validation_) {
    auto const& valid = *last_validation_;
    checkpoint.facts["validation"] = {{"loss", valid.loss},
                                      {"channels", valid.channels},
                                      {"vrmse.well", valid.model},
                                      {"persistence_vrmse.well", valid.persistence},
                                      {"losses", valid.losses}};
  }
  return checkpoint;
}

void Trainer::save(Standing standing) {
  if (saved_step_ == state_.step) {
    return;
  }
  auto const span = timers_.measure("checkpoints", Phase::other);
  read_loss();
  refuse_divergence(is_finite(learner_.optimiser()));
  if (auto const* adapter = learner_.adapter()) {
    NativeCheckpoint alone;
    if (ranks_.is_root()) {
      alone = {.tensors = adapter_tensors(*adapter, average_), .facts = parts_.facts};
    }
    adapters_.save(state_.step, alone, standing, ranks_);
  }
  std::map<std::string, at::Tensor> moments;
  if (ranks_.is_root() || parts_.moments == MomentsOn::one_rank) {
    moments = learner_.optimiser().save();
  }
  checkpoints_.save(
      state_.step, ranks_.is_root() ? pack(moments) : NativeCheckpoint(), standing, ranks_);
  saved_step_ = state_.step;
}

bool Trainer::is_told_to_stop() const {
  bool const is_late = config_.time_limit > 0 && seconds_since(started_) >= config_.time_limit;
  return parts_.stop_requested() || is_late;
}

bool Trainer::agree_to_stop() const {
  return ranks_.all_reduce(static_cast<int64_t>(is_told_to_stop()), Reduction::max) == 1;
}

}  // namespace eddyline
