#include "workflows/evaluation/run_evaluate.hpp"

#include <iostream>
#include <nlohmann/json.hpp>

#include "core/atomic_file.hpp"
#include "core/log.hpp"
#include "data/pipeline/published_statistics.hpp"
#include "workflows/evaluation/evaluation.hpp"
#include "workflows/metrics/registry.hpp"
#include "workflows/metrics/spectrum.hpp"
#include "workflows/trained_model.hpp"

namespace eddyline {
namespace {

constexpr int64_t kFramesForLinear = 2;

/// Refuses wrong keys before anything is read.
void check(EvaluateConfig const& config) {
  require(!config.model.empty(),
          "model is empty; name a checkpoint: model=runs/<name>/checkpoints/best.h5");
  require(config.horizon >= 0,
          "horizon is ",
          config.horizon,
          "; it must be at least 0 (one step only)");
  require(config.batch >= 1, "batch is ", config.batch, "; it must be at least 1");
  for (auto const& name : config.metrics) {
    metric_entry(name);
  }
  metric_entry(config.table);
}

std::vector<std::string> columns_of(EvaluateConfig const& config) {
  auto columns = config.metrics.empty() ? usual_metric_names() : config.metrics;
  if (std::find(columns.begin(), columns.end(), config.table) == columns.end()) {
    columns.push_back(config.table);
  }
  return columns;
}

bool wants(EvaluateConfig const& config, BaselineKind kind) {
  return std::find(config.baselines.begin(), config.baselines.end(), kind) !=
         config.baselines.end();
}

std::shared_ptr<Climatology const> make_climatology(EvaluateConfig const& config,
                                                    TrainedModel const& model,
                                                    Dataset const& data,
                                                    std::shared_ptr<Mesh const> const& mesh) {
  if (config.climatology == ClimatologyFrom::published) {
    auto const& fit = data.fit();
    return std::make_shared<Climatology>(
        published_climatology(data.config().path,
                              data.state_spec()->fields.channel_names(),
                              fit.original(),
                              fit.shown_cells()));
  }
  auto const training =
      model.open(model.data_config(config.data), Split::train, model.history(), config.allow, mesh);
  return std::make_shared<Climatology>(*training, mesh->world());
}

Baselines make_baselines(EvaluateConfig const& config,
                         TrainedModel const& model,
                         Dataset const& data,
                         std::shared_ptr<Mesh const> const& mesh) {
  std::shared_ptr<Climatology const> climatology;
  auto const columns = columns_of(config);
  if (wants(config, BaselineKind::climatology) ||
      std::find(columns.begin(), columns.end(), "acc.climax") != columns.end()) {
    climatology = make_climatology(config, model, data, mesh);
  }
  return {config.baselines, model.statistics(), data.state_spec()->fields, climatology};
}

/// By mean and standard deviation of the training part: (1, C).
Affine training_norm(TrainedModel const& model, Dataset const& data) {
  auto const& spec = *data.batch_spec();
  Normaliser const normaliser(
      Normalisation::dataset, data.config().pooling, model.statistics(), spec);
  auto const any = at::zeros({1, 1, spec.input_fields.channels(), 1, 1, 1}, model.device());
  return normaliser.target_norm(normaliser.input_norm(any));
}

EvaluationPlan one_step_plan(EvaluateConfig const& config,
                             TrainedModel const& model,
                             Dataset const& data) {
  return {.horizon = 1,
          .columns = columns_of(config),
          .batch = config.batch,
          .device = model.device(),
          .normalisation = training_norm(model, data)};
}

std::filesystem::path output_file(EvaluateConfig const& config, TrainedModel const& model) {
  return config.out.empty() ? model.run_folder() / "evaluation.json"
                            : std::filesystem::path(config.out);
}

/// Input frames that the model and the baselines need.
int64_t history_of(EvaluateConfig const& config, TrainedModel const& model) {
  return wants(config, BaselineKind::linear) ? std::max(model.history(), kFramesForLinear)
                                             : model.history();
}

Manifest manifest_of(TrainedModel const& model,
                     Dataset const& data,
                     std::vector<std::string> const& arguments) {
  auto files = model.files();
  files.push_back(data.config().path);
  return {.verb = "evaluate", .arguments = arguments, .data = {files.begin(), files.end()}};
}

nlohmann::json describe_data(Dataset const& data) {
  return {{"name", data.name()},
          {"path", data.config().path},
          {"split", to_string(data.split())},
          {"fit", data.fit().describe()},
          {"cells", data.compared_grid().describe()},
          {"transforms", describe_transforms(data.compared_grid())}};
}

void announce(TrainedModel const& model, Dataset const& data) {
  log_line("scoring '",
           model.name(),
           "' on the ",
           to_string(data.split()),
           " part of '",
           data.name(),
           "': ",
           data.windows(),
           " windows");
}

TrainedModel chosen_model(EvaluateConfig const& config, Communicator const& world) {
  return {config.model,
          choose_device(config.device, world),
          {.weights = config.weights, .set = config.set, .adapter = config.adapter}};
}

}  // namespace

EvaluationResult run_evaluate(EvaluateConfig const& config,
                              Existing existing,
                              Communicator const& world,
                              std::vector<std::string> const& arguments) {
  check(config);
  auto const model = chosen_model(config, world);
  auto const out = output_file(config, model);
  require(existing != Existing::refuse || !std::filesystem::exists(out),
          "'",
          out.string(),
          "' exists; replace it with --overwrite, or set out to another file");
  auto const mesh = make_mesh(config.parallel, world);
  auto const data = model.open(
      model.data_config(config.data), config.split, history_of(config, model), config.allow, mesh);
  auto const baselines = make_baselines(config, model, *data, mesh);
  auto const make_stepper = [&](auto const& starts) {
    return model.stepper(*data, starts, config.forecast);
  };
  Evaluator evaluator(*data, baselines, make_stepper, world);
  auto const& spec = *data->batch_spec();
  auto plan = one_step_plan(config, model, *data);
  begin_record(RunFiles::beside(out),
               print_config(config),
               manifest_of(model, *data, arguments),
               Existing::overwrite,
               world);
  announce(model, *data);
  EvaluationResult result{
      .fields = spec.output_fields.channel_names(),
      .units = spec.output_fields.channel_units(),
      .interval = model.interval(*data),
      .time_unit = spec.time_unit,
      .one_step = evaluator.run(all_windows(*data, config.one_step_windows), plan),
      .rollout = {}};
  if (config.horizon > 0) {
    plan.horizon = config.horizon;
    auto const windows = rollout_windows(*data, config.horizon, config.every);
    log_line("rolling out ", windows.size(), " times by ", config.horizon, " steps");
    result.rollout = evaluator.run(windows, plan);
  }
  auto report = to_json(result);
  report["model"] = model.path().string();
  if (!config.adapter.empty()) {
    report["adapter"] = config.adapter;
  }
  report["data"] = describe_data(*data);
  report["forecast"] = enum_name(config.forecast);
  world.together([&] {
    if (world.is_root()) {
      write_text(out, report.dump(1) + "\n");
      std::cout << score_table(result, config.table) << std::flush;
    }
  });
  log_line("all ", plan.columns.size(), " metrics are in '", out.string(), "'");
  return result;
}

}  // namespace eddyline
