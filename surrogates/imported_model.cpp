#include "surrogates/imported_model.hpp"

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "surrogates/stored_model.hpp"

namespace eddyline {

NativeCheckpoint to_native(ImportedModel const& imported) {
  NativeCheckpoint native{.tensors = model_tensors(*imported.network)};
  for (auto const& [name, state] : imported.optimizer) {
    for (auto const& [moment, value] : state) {
      native.tensors[concat(kMoments, name, "/", moment)] = value;
    }
  }
  store_model(native.facts,
              {.surrogate = imported.network->name(),
               .config = imported.network->config(),
               .spec = imported.spec});
  return native;
}

void copy_weights(Surrogate const& network,
                  std::map<std::string, at::Tensor> const& stored,
                  std::string const& kind,
                  std::string const& remedy) {
  at::NoGradGuard const no_grad;
  std::map<std::string, at::Tensor> places;
  for (auto const& items : {network.named_parameters(), network.named_buffers()}) {
    for (auto const& item : items) {
      places[item.key()] = item.value();
    }
  }
  for (auto const& [name, value] : stored) {
    auto const place = places.find(name);
    require(place != places.end(),
            "the checkpoint holds '",
            name,
            "', which ",
            kind,
            " of these sizes does not have");
    require(value.sizes() == place->second.sizes(),
            "'",
            name,
            "' has shape (",
            value.sizes().vec(),
            ") in the checkpoint, (",
            place->second.sizes().vec(),
            ") in the network",
            remedy);
    place->second.copy_(value);
    places.erase(place);
  }
  require(places.empty(),
          "the checkpoint lacks '",
          places.empty() ? "" : places.begin()->first,
          "'; it is of another network or was cut");
}

void copy_moments(PytorchCheckpoint const& checkpoint,
                  std::vector<std::string> const& order,
                  ImportedModel& imported) {
  auto const parameters = imported.network->named_parameters();
  for (auto const& [index, state] : checkpoint.optimizer_state) {
    bool const known = index >= 0 && index < static_cast<int64_t>(order.size());
    auto const name = known ? order[static_cast<size_t>(index)] : concat("number ", index);
    auto const* const parameter = known ? parameters.find(name) : nullptr;
    auto const moment = state.find("exp_avg");
    if (parameter != nullptr && moment != state.end() &&
        moment->second.sizes() == parameter->sizes()) {
      imported.optimizer[name] = state;
    } else {
      imported.report.push_back(concat("dropped     optimiser state of ", name));
    }
  }
}

void report_removed_prefix(PytorchCheckpoint const& checkpoint, std::vector<std::string>& report) {
  if (!checkpoint.removed_prefix.empty()) {
    report.push_back(concat(
        "renamed     every key: the leading '", checkpoint.removed_prefix, "' was taken off"));
  }
}

std::vector<std::string> keys_of(StateDict const& state) {
  std::vector<std::string> keys;
  for (auto const& [key, value] : state) {
    keys.push_back(key);
  }
  return keys;
}

Field parse_field(std::string const& text) {
  std::vector<std::string> parts(1);
  for (char const c : text) {
    if (c == ':') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  require(!parts.front().empty(),
          "'",
          text,
          "' is no field; write density, or velocity:x:y for a vector");
  if (parts.size() == 1) {
    return {.name = text};
  }
  return {.name = parts[0], .components = {parts.begin() + 1, parts.end()}, .order = 1};
}

}  // namespace eddyline
