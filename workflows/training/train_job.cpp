#include "workflows/training/train_job.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include <ATen/Parallel.h>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/memory_room.hpp"
#include "core/signals.hpp"
#include "surrogates/adaptation/adapted_model.hpp"
#include "surrogates/adaptation/initial_weights.hpp"
#include "surrogates/stored_model.hpp"
#include "workflows/in_situ_watch.hpp"
#include "workflows/rehearsal/memory_check.hpp"
#include "workflows/training/kernel_choices.hpp"
#include "workflows/training/model_section.hpp"
#include "workflows/training/resumption.hpp"
#include "workflows/training/trainer.hpp"
#include "workflows/training/training_data.hpp"
#include "workflows/training/training_log.hpp"
#include "workflows/training/training_rehearsal.hpp"

namespace eddyline {
namespace {

/// Data, network and trainer of a job, in the order in which they are made.
class Job {
 public:
  /// \param resumed  the checkpoint to go on from, if any
  Job(TrainJobConfig config, std::optional<NativeCheckpoint> resumed, Communicator const& world)
      : config_(std::move(config)),
        stop_(config_.run.signals),
        world_(world),
        resumed_(std::move(resumed)) {
    check(config_.train);
    section_ = read_model_section(config_.model.text, config_.data);
    if (resumed_) {
      check_same_settings(*resumed_, print_config(config_));
    }
    if (config_.run.threads > 0) {
      at::set_num_threads(static_cast<int>(config_.run.threads));
    } else {
      share_cores(world_);
    }
    device_ = choose_device(config_.run.device, world_);
    kernels_ = kernel_choices(device_, world_);
    mesh_ = make_mesh(config_.parallel, world_);
    check_splits(section_.surrogate, *mesh_);
    data_ = std::make_unique<TrainingData>(
        data_parts(config_.data), config_.train, section_.patch, mesh_);
    if (resumed_) {
      data_->check_resumed(*resumed_, config_.train.allow);
      warn_of_other_bits(resumed_->facts["run"]);
    }
    make_network();
    choose_forecast();
    if (config_.run.check_memory && device_.is_cpu()) {
      TrainingRehearsal const rehearsal(config_, *data_, *network_);
      check_memory(rehearsal, {.run = "training", .key = "run.check_memory"}, *mesh_);
    }
  }

  int run(RunFolder const& folder, std::vector<std::string> const& arguments) {
    data_->settle_statistics(resumed_ ? &*resumed_ : nullptr, world_);
    give_back_freed_memory();
    TrainingSources sources(*data_, config_.train, device_, mesh_->data());
    auto const rule = target_rule(sources);
    network_->to(device_);
    begin_record(RunFiles::in(folder.path()),
                 print_config(config_),
                 {.verb = "train",
                  .arguments = arguments,
                  .data = paths(),
                  .seeds = {{"train", config_.train.seed}}},
                 resumed_ ? Existing::resume : Existing::refuse,
                 world_);
    if (world_.is_root()) {
      stop_.watch(folder.path() / "STOP");
    }
    Trainer trainer(
        {.surrogate = network_,
         .rule = rule,
         .train = &sources.train(),
         .valid = sources.valid(),
         .facts = facts(rule),
         .moments = config_.parallel.shard_optimizer ? MomentsOn::one_rank : MomentsOn::every_rank,
         .folder = folder.path(),
         .stop_requested = [&] { return stop_.raised(); }},
        config_.train,
        world_);
    if (!moments_.empty()) {
      trainer.learner().optimiser().load(moments_);
    }
    if (resumed_) {
      trainer.resume(*resumed_);
      resumed_.reset();
    }
    announce(trainer, sources);
    log_progress(trainer);
    InSituWatch in_situ(config_.catalyst, folder.path() / "catalyst", mesh_->domain());
    in_situ.stop_when([&trainer] { return trainer.is_told_to_stop(); });
    show_forecasts(trainer, in_situ);
    auto const outcome = trainer.run();
    in_situ.finish(world_);
    return finish(trainer, outcome);
  }

 private:
  std::vector<int64_t> domain() const {
    return {config_.parallel.domain.begin(), config_.parallel.domain.end()};
  }

  std::vector<std::filesystem::path> paths() const {
    std::vector<std::filesystem::path> paths;
    for (auto const& set : data_->sets()) {
      paths.emplace_back(set.part.config.path);
    }
    return paths;
  }

  TargetRule target_rule(TrainingSources const& sources) const {
    TargetRule rule{.kind = config_.train.target};
    rule.fields = data_->fields(surrogate_entry(section_.surrogate));
    if (rule.kind == TargetKind::increment) {
      rule.increments = sources.increments(device_);
    }
    return rule;
  }

  void make_network() {
    auto const& entry = surrogate_entry(section_.surrogate);
    std::optional<NativeCheckpoint> start;
    if (!resumed_ && !config_.train.from.empty()) {
      start = read_weights(config_.train.from);
    }
    if (resumed_ || start) {
      data_->keep_fields((resumed_ ? *resumed_ : *start).facts);
    }
    spec_ = data_->spec(entry);
    network_ = with_context(
        [&] {
          return entry.make(section_.config, spec_, static_cast<uint64_t>(config_.train.seed));
        },
        "making the network '",
        section_.surrogate,
        "' from the model section");
    data_->predict_part(*network_);
    require(network_->history() == section_.history,
            "the network takes ",
            network_->history(),
            " input frames, but a sample has ",
            section_.history,
            "; set model.history");
    if (resumed_) {
      adapter_ = resumed_->facts.value("adapter", nlohmann::json());
    } else if (start) {
      start_from(*std::move(start));
    }
  }

  void start_from(NativeCheckpoint checkpoint) {
    auto const& path = config_.train.from;
    if (config_.train.moments == Moments::keep) {
      take_plain_weights(checkpoint);  // the moments are theirs
    }
    data_->check_start(checkpoint, config_.train.allow);
    auto const fresh = with_context(
        [&] {
          auto const weights = merged_weights(checkpoint, *network_);
          auto kept = load_initial_weights(*network_, weights, config_.train.fresh);
          if (config_.train.adapt.is_active()) {
            adapter_ = adapter_facts(config_.train.adapt, *network_, path, weights, kept);
          }
          if (config_.train.moments == Moments::keep) {
            moments_ = initial_moments(*network_, checkpoint.tensors, kept);
          }
          return kept;
        },
        "starting from the weights of '",
        path,
        "'");
    log_line("weights from ",
             path,
             fresh.empty() ? "" : concat("; ", fresh.size(), " tensors begin fresh"));
  }

  void warn_of_other_bits(nlohmann::json const& run) const {
    auto const ranks = run.value("ranks", world_.size());
    auto const threads = run.value("threads", at::get_num_threads());
    auto const parts = run.value("domain", domain());
    if (ranks != world_.size()) {
      log_warning("the run was on ",
                  ranks,
                  " ranks and goes on with ",
                  world_.size(),
                  ": equal to round-off, not bit for bit");
    } else if (parts != domain()) {
      log_warning("the run split its samples over ",
                  parts,
                  " ranks and goes on with ",
                  domain(),
                  ": equal to round-off, not bit for bit");
    }
    if (ranks == world_.size() && threads != at::get_num_threads()) {
      log_line("using ", threads, " threads a rank, as the run did before");
      at::set_num_threads(threads);
    }
    for (auto const& difference :
         kernel_differences(kernels_, run.value("kernels", nlohmann::json()))) {
      log_warning("the run goes on with other kernels, perhaps not bit for bit: ", difference);
    }
  }

  nlohmann::json facts(TargetRule const& rule) const {
    nlohmann::json facts;
    store_model(facts,
                {.surrogate = section_.surrogate,
                 .config = network_->config(),
                 .spec = spec_,
                 .rule = rule});
    if (!adapter_.is_null()) {
      facts["adapter"] = adapter_;
    }
    data_->store(facts);
    facts["run"] = {{"config", print_config(config_)},
                    {"ranks", world_.size()},
                    {"domain", domain()},
                    {"threads", at::get_num_threads()},
                    {"kernels", kernels_},
                    {"precision", enum_name(config_.train.precision)},
                    {"device", device_.str()},
                    {"seed", config_.train.seed},
                    {"metrics", "metrics.csv"}};
    return facts;
  }

  void announce(Trainer& trainer, TrainingSources const& sources) const {
    int64_t weights = 0, trained = 0;
    for (auto const& weight : network_->parameters()) {
      weights += weight.numel();
    }
    for (auto const& parameter : trainer.learner().optimiser().parameters()) {
      trained += parameter.value.numel();
    }
    for (auto const& set : data_->sets()) {
      log_set(set);
    }
    log_line("network   ",
             section_.surrogate,
             ", ",
             fmt::format("{:.3f}", static_cast<double>(weights) / 1e6),
             " million parameters",
             trained < weights ? concat(", ", trained, " numbers are trained") : std::string());
    auto const buckets = trainer.learner().reducer().bucket_sizes().size();
    log_line(
        "running on ",
        world_.size(),
        " ranks",
        mesh_->is_split() ? concat(" (", mesh_->domain().size(), " to a sample)") : std::string(),
        " with ",
        at::get_num_threads(),
        " threads each, ",
        device_.str(),
        ", ",
        enum_name(config_.train.precision),
        buckets > 0 ? concat(", ", buckets, " gradient buckets") : std::string());
    log_line("steps     ",
             trainer.total_steps(),
             " of ",
             config_.train.batch * config_.train.accumulate,
             " samples, ",
             sources.describe(),
             trainer.state().step > 0 ? concat("; goes on after step ", trainer.state().step)
                                      : std::string());
  }

  void choose_forecast() {
    auto const& shown = config_.catalyst;
    if (shown.is_on()) {
      world_.together([&] {
        check_catalyst(shown);
        forecast_ = std::make_unique<ValidationForecast>(*data_, shown);
        check_shown_fields(shown, forecast_->fields());
      });
    }
  }

  /// The first ranks that hold a sample make the forecast and show it; the others wait for them, so
  /// that an error of one is an error of all.
  void show_forecasts(Trainer& trainer, InSituWatch& in_situ) {
    if (!forecast_) {
      return;
    }
    bool const is_here = mesh_->data().is_root();
    world_.collectively([&] {
      if (is_here) {
        forecast_->read(device_);
      }
    });
    trainer.showing = {config_.catalyst.every, [this, is_here, &trainer, &in_situ](int64_t step) {
                         world_.collectively([&] {
                           if (is_here) {
                             auto const weights = trainer.averaged();
                             in_situ.show(step, forecast_->made(trainer.learner(), step), 0);
                           }
                         });
                       }};
  }

  int finish(Trainer const& trainer, Outcome outcome) const {
    log_times(trainer);
    log_peak_memory(world_);
    auto const last = trainer.checkpoints().last().string();
    if (outcome == Outcome::stopped) {
      auto const cause = stop_.cause(world_);
      log_line("stopped by ",
               cause.empty() ? "train.time_limit" : cause,
               " at step ",
               trainer.state().step,
               "; state saved in ",
               last,
               "; go on with --resume");
      return static_cast<int>(ExitCode::stopped);
    }
    if (outcome == Outcome::converged) {
      log_line("no better validation loss for ",
               config_.train.validate.patience,
               " validations: ended at step ",
               trainer.state().step);
    }
    log_best(trainer);
    log_line("done: ", trainer.checkpoints().best().string());
    return static_cast<int>(ExitCode::done);
  }

  TrainJobConfig config_;
  StopFlag stop_;  ///< early: what arrives while data are prepared stops at the first step
  Communicator const& world_;
  at::Device device_ = at::kCPU;
  nlohmann::json kernels_;
  ModelSection section_;
  std::shared_ptr<Mesh const> mesh_;
  std::unique_ptr<TrainingData> data_;
  SurrogateSpec spec_;
  std::shared_ptr<Surrogate> network_;
  std::optional<NativeCheckpoint> resumed_;
  std::unique_ptr<ValidationForecast> forecast_;  ///< to show; null: none
  std::map<std::string, at::Tensor> moments_;     ///< of train.from, if they are kept
  nlohmann::json adapter_;                        ///< facts of train.adapt; null without it
};

}  // namespace

int train(TrainJobConfig config,
          Existing existing,
          std::vector<std::string> const& arguments,
          Communicator const& world) {
  auto const path = std::filesystem::path(config.run.folder) / config.run.name;
  std::optional<RunFolder> folder;
  if (existing != Existing::overwrite) {
    folder.emplace(path, existing, world);  // refuses before the data are looked at
  }
  std::optional<NativeCheckpoint> resumed;
  if (existing == Existing::resume) {
    resumed = last_checkpoint(*folder, world);
    if (!resumed) {
      log_line("no checkpoint in '", path.string(), "' yet: the run begins with its first step");
    }
  }
  auto job = with_context(
      [&] { return std::make_unique<Job>(std::move(config), std::move(resumed), world); },
      "preparing the training");
  if (!folder) {
    folder.emplace(
        path, existing, world);  // what is there is replaced only when the new run can start
  }
  return job->run(*folder, arguments);
}

}  // namespace eddyline
