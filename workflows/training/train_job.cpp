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
#include "core/signals.hpp"
#include "surrogates/adaptation/adapted_model.hpp"
#include "surrogates/adaptation/initial_weights.hpp"
#include "surrogates/stored_model.hpp"
#include "workflows/compatibility.hpp"
#include "workflows/training/kernel_choices.hpp"
#include "workflows/training/loader_source.hpp"
#include "workflows/training/model_section.hpp"
#include "workflows/training/resumption.hpp"
#include "workflows/training/trainer.hpp"
#include "workflows/training/training_log.hpp"

namespace eddyline {
namespace {

/// Data, network and trainer of a job, in the order in which they are made.
class Job {
 public:
  /// \param resumed  the checkpoint to go on from, if any
  Job(TrainJobConfig config, std::optional<NativeCheckpoint> resumed, Communicator const& world)
      : config_(std::move(config)), world_(world), resumed_(std::move(resumed)) {
    check(config_.train);
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
    open_data();
    if (resumed_) {
      check_same_data(*resumed_, *train_data_, config_.train.allow);
      warn_of_other_bits(resumed_->facts["run"]);
    }
    make_network();
  }

  int run(RunFolder const& folder, std::vector<std::string> const& arguments) {
    auto const statistics = settle_statistics();
    LoaderOptions options{.batch = config_.train.batch,
                          .order = Order::shuffled,
                          .last = LastBatch::drop,
                          .seed = static_cast<uint64_t>(config_.train.seed),
                          .device = device_};
    if (options.batch > train_data_->windows()) {
      options.batch = train_data_->windows();
      log_line("train.batch is larger than all ", options.batch, " samples: they are one batch");
    }
    LoaderSource train_source(*train_data_, statistics, options, world_);
    options.order = Order::sequential;
    options.last = LastBatch::keep;
    auto valid_source =
        valid_data_ && valid_data_->windows() > 0
            ? std::make_unique<LoaderSource>(*valid_data_, statistics, options, world_)
            : nullptr;
    TargetRule rule{.kind = config_.train.target};
    if (rule.kind == TargetKind::increment) {
      rule.increment = train_source.normaliser().increment_norm(device_);
    }
    network_->to(device_);
    begin_record(RunFiles::in(folder.path()),
                 print_config(config_),
                 {.verb = "train",
                  .arguments = arguments,
                  .data = {config_.data.path},
                  .seeds = {{"train", config_.train.seed}}},
                 resumed_ ? Existing::resume : Existing::refuse,
                 world_);
    StopFlag const stop(config_.run.signals);
    Trainer trainer({.surrogate = network_,
                     .rule = rule,
                     .train = &train_source,
                     .valid = valid_source.get(),
                     .facts = facts(rule, statistics),
                     .folder = folder.path(),
                     .stop_requested = [&] { return stop.raised(); }},
                    config_.train,
                    world_);
    if (!moments_.empty()) {
      trainer.learner().optimiser().load(moments_);
    }
    if (resumed_) {
      trainer.resume(*resumed_);
      resumed_.reset();
    }
    announce(trainer, train_source, valid_source.get());
    log_progress(trainer);
    return finish(trainer, trainer.run(), stop);
  }

 private:
  void open_data() {
    section_ = read_model_section(config_.model.text, config_.data);
    auto shape = window_shape(config_.data);
    shape.horizon *= config_.train.unroll.steps;
    auto const resolved = shape.resolved();
    require(config_.train.unroll.steps == 1 ||
                (resolved.stride == resolved.lead && resolved.stride == resolved.input_stride),
            "train.unroll.steps is ",
            config_.train.unroll.steps,
            ", but several steps in a row need frames at equal distances: set data.lead and "
            "data.input_stride to data.stride (",
            resolved.stride,
            ")");
    train_data_ =
        std::make_unique<Dataset>(config_.data, Split::train, shape, section_.patch, world_);
    if (config_.train.validate.every_steps > 0 || config_.train.validate.every_epochs > 0) {
      open_valid_data(shape);
    }
    require(train_data_->windows() > 0,
            "the training part of '",
            config_.data.path,
            "' has no sample: its series are shorter than a window of ",
            resolved.span(),
            " frames");
  }

  /// Many published sets have no such part.
  void open_valid_data(WindowShape const& shape) {
    if (has_split(config_.data, Split::valid)) {
      valid_data_ =
          std::make_unique<Dataset>(config_.data, Split::valid, shape, section_.patch, world_);
      return;
    }
    bool const stays = config_.train.schedule.kind == ScheduleKind::plateau;
    log_warning(
        "'",
        config_.data.path,
        "' has no valid part: trained without validation, so nothing ends the training early",
        stays ? " and the schedule plateau stays at its peak" : "",
        "; data.splits.by=trajectories or frames would make one");
  }

  void make_network() {
    auto const spec = surrogate_spec(*train_data_->batch_spec());
    network_ = with_context(
        [&] {
          return surrogate_entry(section_.surrogate)
              .make(section_.config, spec, static_cast<uint64_t>(config_.train.seed));
        },
        "making the network '",
        section_.surrogate,
        "' from the model section");
    require(network_->history() == section_.history,
            "the network takes ",
            network_->history(),
            " input frames, but a sample has ",
            section_.history,
            "; set model.history");
    if (resumed_) {
      adapter_ = resumed_->facts.value("adapter", nlohmann::json());
    } else if (!config_.train.from.empty()) {
      start_from_checkpoint();
    }
  }

  void start_from_checkpoint() {
    auto const& path = config_.train.from;
    auto const checkpoint = read_weights(path);
    if (checkpoint.facts.contains("data")) {
      check_compatible(data_facts_from_json(checkpoint.facts["data"]),
                       data_facts(*train_data_->batch_spec()),
                       config_.train.allow,
                       "'" + config_.data.path + "'");
    }
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

  Statistics settle_statistics() {
    if (resumed_) {
      return Statistics::from_json(resumed_->facts.at("statistics"), train_data_->name());
    }
    return with_context([&] { return compute_statistics(*train_data_, world_); },
                        "computing statistics of the training part");
  }

  void warn_of_other_bits(nlohmann::json const& run) const {
    auto const ranks = run.value("ranks", world_.size());
    auto const threads = run.value("threads", at::get_num_threads());
    if (ranks != world_.size()) {
      log_warning("the run was on ",
                  ranks,
                  " ranks and goes on with ",
                  world_.size(),
                  ": equal to round-off, not bit for bit");
    } else if (threads != at::get_num_threads()) {
      log_line("using ", threads, " threads a rank, as the run did before");
      at::set_num_threads(threads);
    }
    for (auto const& difference :
         kernel_differences(kernels_, run.value("kernels", nlohmann::json()))) {
      log_warning("the run goes on with other kernels, perhaps not bit for bit: ", difference);
    }
  }

  nlohmann::json facts(TargetRule const& rule, Statistics const& statistics) const {
    nlohmann::json facts;
    store_model(facts,
                {.surrogate = section_.surrogate,
                 .config = network_->config(),
                 .spec = surrogate_spec(*train_data_->batch_spec()),
                 .rule = rule});
    if (!adapter_.is_null()) {
      facts["adapter"] = adapter_;
    }
    facts["statistics"] = statistics.to_json();
    facts["data"] = to_json(data_facts(*train_data_->batch_spec()));
    facts["data"]["name"] = train_data_->name();
    facts["data"]["windows"] = train_data_->windows();
    facts["data"]["config"] = print_config(config_.data);
    facts["data"]["normalisation"] = enum_name(config_.data.normalisation);
    facts["data"]["missing"] = enum_name(config_.data.missing);
    facts["data"]["fit"] = train_data_->fit().to_json();
    auto const shape = train_data_->window_shape();
    facts["data"]["window"] = {{"history", shape.history},
                               {"horizon", config_.data.horizon},
                               {"stride", shape.stride},
                               {"input_stride", shape.input_stride},
                               {"lead", shape.lead}};
    facts["run"] = {{"config", print_config(config_)},
                    {"ranks", world_.size()},
                    {"threads", at::get_num_threads()},
                    {"kernels", kernels_},
                    {"precision", enum_name(config_.train.precision)},
                    {"device", device_.str()},
                    {"seed", config_.train.seed},
                    {"metrics", "metrics.csv"}};
    return facts;
  }

  void announce(Trainer& trainer,
                LoaderSource const& train_source,
                LoaderSource const* valid_source) const {
    auto const& spec = *train_data_->batch_spec();
    int64_t weights = 0, trained = 0;
    for (auto const& weight : network_->parameters()) {
      weights += weight.numel();
    }
    for (auto const& parameter : trainer.learner().optimiser().parameters()) {
      trained += parameter.value.numel();
    }
    log_line("data      ",
             config_.data.path,
             ": ",
             spec.output_fields.describe(),
             " on ",
             spec.input_grid.describe());
    log_line("samples   ",
             train_data_->windows(),
             " to train on (",
             train_data_->trajectories(),
             " series), ",
             valid_source ? concat(valid_data_->windows(), " to validate with")
                          : std::string("none to validate with"));
    log_line("network   ",
             section_.surrogate,
             ", ",
             fmt::format("{:.3f}", static_cast<double>(weights) / 1e6),
             " million parameters",
             trained < weights ? concat(", ", trained, " numbers are trained") : std::string());
    auto const buckets = trainer.learner().reducer().bucket_sizes().size();
    log_line("running on ",
             world_.size(),
             " ranks with ",
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
             train_source.batches(),
             " batches an epoch",
             trainer.state().step > 0 ? concat("; goes on after step ", trainer.state().step)
                                      : std::string());
  }

  int finish(Trainer const& trainer, Outcome outcome, StopFlag const& stop) const {
    log_times(trainer);
    auto const last = trainer.checkpoints().last().string();
    if (outcome == Outcome::stopped) {
      log_line("stopped by ",
               stop.raised_anywhere(world_) ? "a signal" : "train.time_limit",
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
  Communicator const& world_;
  at::Device device_ = at::kCPU;
  nlohmann::json kernels_;
  ModelSection section_;
  std::unique_ptr<Dataset> train_data_;
  std::unique_ptr<Dataset> valid_data_;
  std::shared_ptr<Surrogate> network_;
  std::optional<NativeCheckpoint> resumed_;
  std::map<std::string, at::Tensor> moments_;  ///< of train.from, if they are kept
  nlohmann::json adapter_;                     ///< facts of train.adapt; null without it
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
