#include "workflows/training/training_data.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.hpp"
#include "core/log.hpp"
#include "data/pipeline/published_statistics.hpp"
#include "surrogates/partial_surrogate.hpp"
#include "workflows/compatibility.hpp"
#include "workflows/training/resumption.hpp"

namespace eddyline {
namespace {

/// Steps in a row need frames at equal distances.
void check_unroll(Dataset const& data, int64_t steps) {
  for (auto const& shape : data.window_shapes()) {
    require(steps == 1 || (shape.stride == shape.lead && shape.stride == shape.input_stride),
            "train.unroll.steps is ",
            steps,
            ", but several steps in a row need frames at equal distances: set data.lead and "
            "data.input_stride to data.stride (",
            shape.stride,
            ")");
  }
}

nlohmann::json facts_of(TrainingSet const& set) {
  auto const& data = *set.train;
  auto facts = to_json(data_facts(*data.batch_spec()));
  auto const& config = set.part.config;
  facts["name"] = data.name();
  facts["windows"] = data.windows();
  facts["config"] = print_config(config);
  facts["normalisation"] = enum_name(config.normalisation);
  facts["missing"] = enum_name(config.missing);
  facts["fit"] = data.fit().to_json();
  auto const& shape = data.window_shape();
  facts["window"] = {{"history", shape.history},
                     {"horizon", config.horizon},
                     {"stride", shape.stride},
                     {"input_stride", shape.input_stride},
                     {"lead", shape.lead}};
  return facts;
}

/// The facts of a set in a checkpoint: of a run on one data set "data", of a mix "mix"/name.
nlohmann::json const& stored_facts(NativeCheckpoint const& checkpoint, std::string const& name) {
  auto const& facts = checkpoint.facts;
  require(facts.contains("data"), "the checkpoint does not tell what data its run was on");
  if (name.empty()) {
    return facts["data"];
  }
  require(facts.contains("mix") && facts["mix"].contains(name),
          "the checkpoint's run was not on the data set '",
          name,
          "' of data.mix");
  return facts["mix"][name];
}

}  // namespace

std::string TrainingSet::where() const {
  return part.name.empty() ? concat("'", part.config.path, "'")
                           : concat("'", part.config.path, "' (data.mix.", part.name, ")");
}

TrainingData::TrainingData(std::vector<DataPart> parts,
                           TrainConfig const& config,
                           std::array<int64_t, 3> patch,
                           std::shared_ptr<Mesh const> mesh)
    : mesh_(std::move(mesh)) {
  for (auto& part : parts) {
    sets_.push_back({.part = std::move(part)});
    auto& set = sets_.back();
    auto const open = [&] {
      auto shape = window_shape(set.part.config);
      shape.horizon *= config.unroll.steps;
      set.train = std::make_unique<Dataset>(set.part.config, Split::train, shape, patch, mesh_);
      check_unroll(*set.train, config.unroll.steps);
      if (config.validate.every_steps > 0 || config.validate.every_epochs > 0) {
        open_valid(set, config, patch);
      }
      require(set.train->windows() > 0,
              "the training part of ",
              set.where(),
              " has no sample: its series are shorter than a window of ",
              set.train->window_shape().span(),
              " frames");
    };
    set.part.name.empty() ? open() : with_context(open, "opening data.mix.", set.part.name);
  }
}

/// Many published sets have no such part.
void TrainingData::open_valid(TrainingSet& set,
                              TrainConfig const& config,
                              std::array<int64_t, 3> patch) const {
  if (has_split(set.part.config, Split::valid)) {
    auto shape = window_shape(set.part.config);
    shape.horizon *= config.unroll.steps;
    set.valid = std::make_unique<Dataset>(set.part.config, Split::valid, shape, patch, mesh_);
    return;
  }
  bool const stays = config.schedule.kind == ScheduleKind::plateau;
  log_warning(set.where(),
              " has no valid part: trained without validation, so nothing ends the training early",
              stays ? " and the schedule plateau stays at its peak" : "",
              "; data.splits.by=trajectories or frames would make one");
}

void TrainingData::keep_fields(nlohmann::json const& facts) {
  if (!facts.contains("target") || !facts["target"].contains("fields")) {
    return;
  }
  auto model = stored_model(facts);
  if (std::all_of(sets_.begin(), sets_.end(), [&](auto const& set) {
        return model.rule.fields->covers(*set.train->batch_spec());
      })) {
    learned_ = std::move(model);
  }
}

std::optional<FieldUnion> TrainingData::fields(SurrogateEntry const& network) const {
  std::vector<BatchSpec const*> specs;
  for (auto const& set : sets_) {
    specs.push_back(set.train->batch_spec().get());
  }
  if (network.any_fields || (specs.size() == 1 && !learned_)) {
    return std::nullopt;
  }
  auto const all = learned_ ? *learned_->rule.fields : FieldUnion::of(specs);
  bool const is_same =
      std::all_of(specs.begin(), specs.end(), [&](auto const* spec) { return all.is_of(*spec); });
  return is_same ? std::nullopt : std::optional(all);
}

SurrogateSpec TrainingData::spec(SurrogateEntry const& network) const {
  auto spec = surrogate_spec(*sets_.front().train->batch_spec());
  if (auto const all = fields(network)) {
    spec.input_fields = all->inputs;
    spec.output_fields = all->outputs;
  }
  auto const share = [&](auto const& other) {  // nothing that only some have can be an input
    if (other.constant_fields != spec.constant_fields || other.scalars != spec.scalars) {
      spec.constant_fields = {};
      spec.scalars = {};
    }
  };
  if (!network.any_fields) {
    for (auto const& set : sets_) {
      share(*set.train->batch_spec());
    }
    if (learned_) {
      share(learned_->spec);
    }
  }
  return spec;
}

void TrainingData::predict_part(Surrogate const& network) {
  auto const part = predicted_part(network);
  for (auto& set : sets_) {
    for (auto* data : {set.train.get(), set.valid.get()}) {
      if (part && data != nullptr) {
        data->predict_part(*part);
      }
    }
  }
}

void TrainingData::settle_statistics(NativeCheckpoint const* resumed, Communicator const& ranks) {
  for (auto& set : sets_) {
    auto const name = set.part.name.empty() ? set.train->name() : set.part.name;
    if (resumed != nullptr) {
      set.statistics = Statistics::from_json(resumed->facts.at("statistics"), name);
      continue;
    }
    set.statistics = with_context([&] { return compute_statistics(*set.train, ranks); },
                                  "computing statistics of the training part of ",
                                  set.where());
    if (set.part.config.statistics == StatisticsFrom::published) {
      use_published_statistics(set.statistics, set.part.config.path);
    }
    set.statistics.dataset = name;
  }
}

void TrainingData::check_resumed(NativeCheckpoint const& checkpoint,
                                 std::vector<std::string> const& allow) const {
  for (auto const& set : sets_) {
    check_same_data(stored_facts(checkpoint, set.part.name), *set.train, allow, set.where());
  }
}

void TrainingData::check_start(NativeCheckpoint const& checkpoint,
                               std::vector<std::string> const& allow) const {
  if (is_mix() || !checkpoint.facts.contains("data") || checkpoint.facts.contains("mix")) {
    return;
  }
  check_compatible(data_facts_from_json(checkpoint.facts["data"]),
                   data_facts(*sets_.front().train->batch_spec()),
                   allow,
                   sets_.front().where());
}

void TrainingData::store(nlohmann::json& facts) const {
  facts["data"] = facts_of(sets_.front());
  facts["statistics"] = nlohmann::json::object();
  for (auto const& set : sets_) {
    facts["statistics"].update(set.statistics.to_json());
    if (is_mix()) {
      facts["mix"][set.part.name] = facts_of(set);
    }
  }
}

TrainingSources::TrainingSources(TrainingData const& data,
                                 TrainConfig const& config,
                                 at::Device device,
                                 Communicator const& ranks) {
  std::vector<MixedSource::Part> parts;
  for (auto const& set : data.sets()) {
    LoaderOptions options{.batch = std::min(config.batch, set.train->windows()),
                          .order = Order::shuffled,
                          .last = LastBatch::drop,
                          .seed = static_cast<uint64_t>(config.seed),
                          .flips = set.part.config.flips,
                          .device = device};
    if (options.batch < config.batch) {
      log_line("train.batch is larger than all ",
               options.batch,
               " samples of ",
               set.where(),
               ": they are one batch");
    }
    names_.push_back(set.part.name);
    train_.push_back(std::make_unique<LoaderSource>(*set.train, set.statistics, options, ranks));
    parts.push_back({train_.back().get(), set.part.weight});
    options.flips.clear();
    options.order = Order::sequential;
    options.last = LastBatch::keep;
    valid_.push_back(
        set.valid && set.valid->windows() > 0
            ? std::make_unique<LoaderSource>(*set.valid, set.statistics, options, ranks)
            : nullptr);
  }
  if (data.is_mix()) {
    mix_ = std::make_unique<MixedSource>(parts, static_cast<uint64_t>(config.seed));
  }
}

std::vector<ValidationSet> TrainingSources::valid() const {
  std::vector<ValidationSet> sets;
  for (size_t i = 0; i < valid_.size(); ++i) {
    if (valid_[i]) {
      sets.push_back({names_[i], valid_[i].get()});
    }
  }
  return sets;
}

std::map<std::string, Affine> TrainingSources::increments(at::Device device) const {
  std::map<std::string, Affine> increments;
  for (auto const& source : train_) {
    increments[source->spec().dataset] = source->normaliser().increment_norm(device);
  }
  return increments;
}

std::string TrainingSources::describe() const {
  if (!mix_) {
    return concat(train_.front()->batches(), " batches an epoch");
  }
  std::string shares;
  for (size_t i = 0; i < names_.size(); ++i) {
    shares += concat(i == 0 ? "" : ", ", names_[i], " ", mix_->shares()[i]);
  }
  return concat(mix_->batches(), " batches an epoch: ", shares);
}

}  // namespace eddyline
