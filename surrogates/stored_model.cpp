#include "surrogates/stored_model.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/error.hpp"
#include "data/field/json.hpp"

namespace eddyline {
namespace {

nlohmann::json const& entry(nlohmann::json const& json, char const* key, char const* of) {
  require(json.is_object() && json.contains(key), "the ", of, " has no '", key, "'");
  return json[key];
}

std::string text(nlohmann::json const& json, char const* key, char const* of) {
  auto const& value = entry(json, key, of);
  require(value.is_string(), "'", key, "' of the ", of, " is no text");
  return value.get<std::string>();
}

/// Parameters and buffers by key; they share memory with the network.
std::map<std::string, at::Tensor> state_dict(Surrogate const& surrogate) {
  std::map<std::string, at::Tensor> state;
  for (auto const& item : surrogate.named_parameters()) {
    state[item.key()] = item.value();
  }
  for (auto const& item : surrogate.named_buffers()) {
    state[item.key()] = item.value();
  }
  return state;
}

}  // namespace

SurrogateSpec surrogate_spec(BatchSpec const& spec) {
  return {.input_fields = spec.input_fields,
          .output_fields = spec.output_fields,
          .constant_fields = spec.constant_fields,
          .scalars = spec.scalars,
          .grid = spec.input_grid};
}

nlohmann::json to_json(SurrogateSpec const& spec) {
  return {{"input_fields", to_json(spec.input_fields)},
          {"output_fields", to_json(spec.output_fields)},
          {"constant_fields", to_json(spec.constant_fields)},
          {"scalars", spec.scalars},
          {"grid", to_json(spec.grid)}};
}

SurrogateSpec surrogate_spec_from_json(nlohmann::json const& json) {
  constexpr char const* kOf = "model's description of its data";
  SurrogateSpec spec{.input_fields = field_set_from_json(entry(json, "input_fields", kOf)),
                     .output_fields = field_set_from_json(entry(json, "output_fields", kOf)),
                     .constant_fields = field_set_from_json(entry(json, "constant_fields", kOf)),
                     .grid = grid_from_json(entry(json, "grid", kOf))};
  for (auto const& name : entry(json, "scalars", kOf)) {
    require(name.is_string(), "a scalar's name in the ", kOf, " is no text");
    spec.scalars.push_back(name.get<std::string>());
  }
  return spec;
}

void store_model(nlohmann::json& facts, StoredModel const& model) {
  facts["model"] = {
      {"surrogate", model.surrogate}, {"config", model.config}, {"spec", to_json(model.spec)}};
  facts["target"] = to_json(model.rule);
}

StoredModel stored_model(nlohmann::json const& facts) {
  auto const& model = entry(facts, "model", "checkpoint");
  StoredModel stored{.surrogate = text(model, "surrogate", "checkpoint's model"),
                     .config = text(model, "config", "checkpoint's model"),
                     .spec = surrogate_spec_from_json(entry(model, "spec", "checkpoint's model"))};
  stored.rule = facts.contains("target") ? target_rule_from_json(facts["target"]) : TargetRule{};
  return stored;
}

void require_whole_model(NativeCheckpoint const& checkpoint) {
  bool const has_model =
      std::any_of(checkpoint.tensors.begin(), checkpoint.tensors.end(), [](auto const& item) {
        return item.first.starts_with(kModelWeights);
      });
  require(has_model || !checkpoint.facts.contains("adapter"),
          "it is an adapter, which holds no weights of its base; give both, as model=BASE "
          "adapter=FILE, or make one file of them: eddyline convert BASE TO.h5 adapter=FILE");
}

std::shared_ptr<Surrogate> load_model(NativeCheckpoint const& checkpoint) {
  require_whole_model(checkpoint);
  auto const stored = stored_model(checkpoint.facts);
  auto network = surrogate_entry(stored.surrogate).make(stored.config, stored.spec, /*seed=*/0);
  load_model_tensors(*network, checkpoint.tensors);
  return network;
}

std::map<std::string, at::Tensor> model_tensors(Surrogate const& surrogate) {
  std::map<std::string, at::Tensor> tensors;
  for (auto const& [key, tensor] : state_dict(surrogate)) {
    tensors[kModelWeights + key] = tensor.detach().to(at::kCPU).contiguous();
  }
  return tensors;
}

void load_model_tensors(Surrogate& surrogate, std::map<std::string, at::Tensor> const& tensors) {
  at::NoGradGuard const no_grad;
  std::map<std::string, at::Tensor> stored;
  for (auto const& [name, tensor] : tensors) {
    if (name.starts_with(kModelWeights)) {
      stored[name.substr(std::string(kModelWeights).size())] = tensor;
    }
  }
  for (auto& [key, tensor] : state_dict(surrogate)) {
    auto const found = stored.find(key);
    require(found != stored.end(),
            "the checkpoint has no tensor 'model/",
            key,
            "'; it is of another network");
    require(found->second.sizes() == tensor.sizes(),
            "the checkpoint's 'model/",
            key,
            "' has shape (",
            found->second.sizes().vec(),
            "), the network's has (",
            tensor.sizes().vec(),
            ")");
    tensor.copy_(found->second);
    stored.erase(found);
  }
  require(stored.empty(),
          "the checkpoint's tensor 'model/",
          stored.empty() ? "" : stored.begin()->first,
          "' is not in the network; it is of another network");
}

}  // namespace eddyline
