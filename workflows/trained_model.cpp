#include "workflows/trained_model.hpp"

#include <nlohmann/json.hpp>

#include "core/atomic_file.hpp"
#include "core/config.hpp"
#include "core/error.hpp"
#include "core/yaml.hpp"
#include "surrogates/adaptation/adapted_model.hpp"
#include "surrogates/partial_surrogate.hpp"
#include "workflows/mesh_config.hpp"
#include "workflows/run_folder.hpp"

namespace eddyline {
namespace {

constexpr int64_t kMostConfigBytes = 1 << 20;

nlohmann::json const& part(nlohmann::json const& facts,
                           char const* key,
                           std::filesystem::path const& path) {
  require(facts.contains(key),
          "'",
          path.string(),
          "' has no '",
          key,
          "': it is weights only, not a trained model; "
          "fine-tune it with 'eddyline train train.from=",
          path.string(),
          "' first");
  return facts[key];
}

/// The data section that the model was trained with: in the checkpoint, else in its run's
/// config.yaml.
DataConfig trained_data(nlohmann::json const& facts, std::filesystem::path const& run) {
  DataConfig config;
  if (facts["data"].contains("config")) {
    config = parse_config<DataConfig>(facts["data"]["config"].get<std::string>(),
                                      "the checkpoint's data section");
    if (!config.strides.empty()) {  // a forecast has one
      config.stride = config.strides.front();
      config.strides.clear();
    }
    return config;
  }
  auto const file = run / "config.yaml";
  if (std::filesystem::exists(file)) {
    auto const whole = parse_yaml(read_text(file, kMostConfigBytes), file.string());
    if (auto const* section = whole.find("data")) {
      config_type<DataConfig>()->set(
          &config, *section, {file.string(), "data"}, MapEntries::replace);
    }
  }
  return config;
}

/// Makes a checkpoint of several data sets one of the set that is named: facts["data"] is its, and
/// a network that takes any fields is made for its own.
void choose_set(nlohmann::json& facts, std::string const& set) {
  if (!facts.contains("mix") || !facts["mix"].is_object()) {
    require(
        set.empty(), "set is '", set, "', but the model learned from one data set; leave it out");
    return;
  }
  std::vector<std::string> names;
  for (auto const& [name, unused] : facts["mix"].items()) {
    names.push_back(name);
  }
  require(facts["mix"].contains(set),
          "the model learned from several data sets; choose the one to use it on: set is '",
          set,
          "'; allowed: ",
          names);
  facts["data"] = facts["mix"][set];
  if (facts.contains("target") && facts["target"].contains("sets")) {
    facts["target"]["sets"] = {{set, facts["target"]["sets"].value(set, nlohmann::json())}};
  }
  if (facts.contains("model") && surrogate_entry(stored_model(facts).surrogate).any_fields) {
    auto const own = data_facts_from_json(facts["data"]);
    facts["model"]["spec"] = to_json(SurrogateSpec{.input_fields = own.input_fields,
                                                   .output_fields = own.output_fields,
                                                   .constant_fields = own.constant_fields,
                                                   .scalars = own.scalars,
                                                   .grid = own.grid});
  }
}

}  // namespace

TrainedModel::TrainedModel(std::filesystem::path const& path,
                           at::Device device,
                           ModelChoice const& choice)
    : path_(path), adapter_(choice.adapter), device_(device) {
  with_context(
      [&] {
        auto checkpoint = adapter_.empty() ? read_native(path_, Tensors::all_but_moments)
                                           : adapted_model(path_, adapter_, choice.weights);
        if (choice.weights == WeightKind::plain) {
          take_plain_weights(checkpoint);
        }
        choose_set(checkpoint.facts, choice.set);
        stored_ = stored_model(checkpoint.facts);
        surrogate_ = load_model(checkpoint);
        surrogate_->to(device_);
        surrogate_->eval();
        statistics_ =
            Statistics::from_json(part(checkpoint.facts, "statistics", path_), choice.set);
        facts_ = data_facts_from_json(part(checkpoint.facts, "data", path_));
        data_ = trained_data(checkpoint.facts, run_folder());
      },
      "reading model '",
      path_.string(),
      "'");
}

std::filesystem::path TrainedModel::run_folder() const {
  return run_folder_of(adapter_.empty() ? path_ : adapter_);
}

std::vector<std::string> TrainedModel::files() const {
  std::vector<std::string> files = {path_.string()};
  if (!adapter_.empty()) {
    files.push_back(adapter_.string());
  }
  return files;
}

DataConfig TrainedModel::data_config(YamlText const& section) const {
  auto config = data_;
  if (!section.text.empty()) {
    config_type<DataConfig>()->set(&config,
                                   parse_yaml(section.text, "the configuration"),
                                   {"the configuration", "data"},
                                   MapEntries::replace);
  }
  return config;
}

std::unique_ptr<Dataset> TrainedModel::open(DataConfig const& config,
                                            Split split,
                                            int64_t history,
                                            std::vector<std::string> const& allow,
                                            std::shared_ptr<Mesh const> const& mesh) const {
  check_splits(name(), *mesh);
  require(config.strides.empty(),
          "data.strides is for training; give the one stride to use here: data.stride");
  auto shape = window_shape(config).resolved();
  shape.history = history;
  shape.horizon = 1;
  shape.stride = std::max<int64_t>(shape.lead, 1);
  auto data = std::make_unique<Dataset>(config, split, shape, surrogate_->patch(), mesh);
  if (auto const part = predicted_part(*surrogate_)) {
    data->predict_part(*part);
  }
  check_compatible(facts_, data_facts(*data->batch_spec()), allow, "'" + config.path + "'");
  return data;
}

SurrogateSetup TrainedModel::setup(Dataset const& data, Forecast forecast) const {
  auto const& config = data.config();
  return {.name = stored_.surrogate,
          .surrogate = surrogate_,
          .normaliser = std::make_shared<Normaliser>(
              config.normalisation, config.pooling, statistics_, *data.batch_spec()),
          .spec = data.batch_spec(),
          .rule = stored_.rule,
          .inputs = data.inputs(),
          .outputs = data.outputs(),
          .fit = data.fit(),
          .missing = config.missing,
          .interval = interval(data),
          .forecast = forecast};
}

std::unique_ptr<Stepper> TrainedModel::stepper(Dataset& data,
                                               std::vector<StartFrame> const& starts,
                                               Forecast forecast) const {
  return std::make_unique<SurrogateStepper>(setup(data, forecast),
                                            std::make_unique<DatasetForcing>(data, starts));
}

std::unique_ptr<Stepper> TrainedModel::stepper_on(std::shared_ptr<BatchSpec const> spec,
                                                  Dataset const& data,
                                                  std::unique_ptr<Forcing> forcing,
                                                  Forecast forecast) const {
  auto like = setup(data, forecast);
  like.outputs.cells = spec->part;
  like.spec = std::move(spec);
  like.fit = {};  // cells that it adds are in the spec
  return std::make_unique<SurrogateStepper>(std::move(like), std::move(forcing));
}

double TrainedModel::interval(Dataset const& data) const {
  auto const lead = static_cast<size_t>(data.window_shape().lead);
  for (int64_t trajectory = 0; trajectory < data.trajectories(); ++trajectory) {
    auto const times = data.times(trajectory);
    if (times.size() > lead) {
      return times[lead] - times[0];
    }
  }
  auto const step = data.batch_spec()->step ? data.batch_spec()->step : facts_.step;
  require(step.has_value(),
          "neither '",
          data.config().path,
          "' nor the model's training data tell the time of a step; start from data with two "
          "frames");
  return *step;
}

}  // namespace eddyline
