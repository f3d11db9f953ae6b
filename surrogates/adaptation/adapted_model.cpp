#include "surrogates/adaptation/adapted_model.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/checksum.hpp"
#include "core/error.hpp"
#include "surrogates/adaptation/initial_weights.hpp"

namespace eddyline {
namespace {

constexpr size_t kShown = 3;  // weights that a message names

using NamedTensors = std::map<std::string, at::Tensor>;

/// Of the values as the network holds them, whatever type the file has.
std::string sum_of(at::Tensor const& tensor, at::ScalarType type) {
  auto const values = tensor.detach().to(at::kCPU, type).contiguous();
  Checksum sum;
  sum.update(values.const_data_ptr(), values.nbytes());
  return checksum_text(sum.value());
}

/// facts["adapter"], whose keys a foreign file may lack.
struct AdapterFacts {
  double scale = 1;
  std::string file;
  std::map<std::string, std::string> sums;
};

AdapterFacts read_facts(NativeCheckpoint const& adapter) {
  try {
    auto const& facts = adapter.facts.at("adapter");
    auto const& base = facts.at("base");
    AdapterFacts read{.scale = facts.at("alpha").get<double>() / facts.at("rank").get<double>(),
                      .file = base.at("file").get<std::string>(),
                      .sums = base.at("sums").get<std::map<std::string, std::string>>()};
    require(std::isfinite(read.scale), "the adapter's alpha or rank is no number");
    return read;
  } catch (nlohmann::json::exception const& error) {
    throw Error(concat("its description of the adapter is incomplete: ", error.what()));
  }
}

bool has_part(NativeCheckpoint const& checkpoint, std::string const& part) {
  return std::any_of(checkpoint.tensors.begin(), checkpoint.tensors.end(), [&](auto const& item) {
    return item.first.starts_with(part);
  });
}

NativeCheckpoint read_adapter(std::filesystem::path const& path, WeightKind weights) {
  auto adapter = read_native(path);
  require(adapter.facts.contains("adapter") && has_part(adapter, kAdapterWeights),
          "it is no adapter; those of a training with train.adapt are in runs/<name>/adapters");
  require(!has_part(adapter, kModelWeights),
          "it holds a whole model, adapted already; use it alone, as model=",
          path.string());
  if (weights == WeightKind::plain) {
    take_plain_weights(adapter);
  }
  return adapter;
}

void check_base(AdapterFacts const& facts, NamedTensors const& base, NamedTensors const& network) {
  std::vector<std::string> unlike;
  for (auto const& [key, sum] : facts.sums) {
    auto const own = network.find(kModelWeights + key);
    require(own != network.end(), "the network has no '", key, "' that the adapter tells of");
    auto const found = base.find(kModelWeights + key);
    if (found == base.end() || found->second.sizes() != own->second.sizes() ||
        sum_of(found->second, own->second.scalar_type()) != sum) {
      unlike.push_back(found == base.end() ? key + " (missing)" : key);
    }
  }
  auto const more =
      unlike.size() > kShown ? concat(" and ", unlike.size() - kShown, " more") : std::string();
  auto const all = unlike.size();
  unlike.resize(std::min(all, kShown));
  require(all == 0,
          "the adapter was trained on the base '",
          facts.file,
          "', and this one differs in ",
          unlike,
          more,
          "; name that base");
}

/// The value of one weight: trained as it is, adapted, or the base's.
at::Tensor adapted_weight(std::string const& key,
                          at::Tensor const& base,
                          NativeCheckpoint const& adapter,
                          double scale) {
  auto const find = [&](std::string const& name) -> at::Tensor {
    auto const found = adapter.tensors.find(kAdapterWeights + name);
    return found == adapter.tensors.end() ? at::Tensor() : found->second;
  };
  auto const whole = find(key), a = find(key + ".A"), b = find(key + ".B");
  if (whole.defined()) {
    return whole;
  }
  if (!a.defined() && !b.defined()) {
    return base;
  }
  require(a.defined() && b.defined() && a.dim() == 2 && b.dim() == 2 && base.dim() >= 2 &&
              a.size(0) == b.size(1) && b.size(0) == base.size(0) &&
              a.size(1) * base.size(0) == base.numel() && a.is_floating_point() &&
              b.is_floating_point(),
          "the adapter's '",
          key,
          ".A' and '",
          key,
          ".B' do not fit the weight (",
          base.sizes().vec(),
          ")");
  auto const type = base.scalar_type();
  return low_rank_sum(base, a.to(type), b.to(type), scale);
}

/// Computes the adapted weights of a run's checkpoint anew from its base, A and B; a file without a
/// model keeps its tensors.
void merge_updates(NativeCheckpoint& checkpoint) {
  at::NoGradGuard const no_grad;
  auto const scale = read_facts(checkpoint).scale;
  std::string const start = kAdapterWeights, end = ".base";
  for (auto const& [name, base] : checkpoint.tensors) {
    if (!name.starts_with(start) || !name.ends_with(end)) {
      continue;
    }
    auto const key = name.substr(start.size(), name.size() - start.size() - end.size());
    auto const own = checkpoint.tensors.find(kModelWeights + key);
    if (own != checkpoint.tensors.end()) {
      own->second = adapted_weight(key, base, checkpoint, scale);
    }
  }
}

/// The adapter's network with the base's weights and the adapter's on top.
NativeCheckpoint merge(NativeCheckpoint const& base, NativeCheckpoint const& adapter) {
  at::NoGradGuard const no_grad;
  auto const stored = stored_model(adapter.facts);
  if (base.facts.contains("model")) {
    auto const of = base.facts["model"].value("surrogate", stored.surrogate);
    require(of == stored.surrogate,
            "the adapter is of the network '",
            stored.surrogate,
            "', the base is of '",
            of,
            "'");
  }
  auto const facts = read_facts(adapter);
  auto const network = surrogate_entry(stored.surrogate).make(stored.config, stored.spec, 0);
  auto const weights = merged_weights(base, *network);
  NativeCheckpoint whole{.tensors = model_tensors(*network), .facts = adapter.facts};
  check_base(facts, weights, whole.tensors);
  for (auto& [name, value] : whole.tensors) {
    auto const key = name.substr(std::string(kModelWeights).size());
    auto const from_base = facts.sums.contains(key) ? weights.at(name) : value;
    value = adapted_weight(key, from_base.to(value.scalar_type()), adapter, facts.scale);
  }
  load_model_tensors(*network, whole.tensors);  // refuses what does not fit, by name
  whole.tensors = model_tensors(*network);
  whole.facts["merged"] = whole.facts["adapter"];
  whole.facts["merged"]["base"].erase("sums");
  whole.facts.erase("adapter");
  return whole;
}

}  // namespace

nlohmann::json adapter_facts(AdaptConfig const& config,
                             Surrogate const& network,
                             std::filesystem::path const& base,
                             std::map<std::string, at::Tensor> const& tensors,
                             std::vector<std::string> const& fresh) {
  std::map<std::string, std::string> sums;
  for (auto const& [name, value] : model_tensors(network)) {
    auto const key = name.substr(std::string(kModelWeights).size());
    if (auto const found = tensors.find(name);
        found != tensors.end() && std::find(fresh.begin(), fresh.end(), key) == fresh.end()) {
      sums[key] = sum_of(found->second, value.scalar_type());
    }
  }
  return {{"rank", config.rank},
          {"alpha", config.scale() * static_cast<double>(config.rank)},
          {"layers", config.layers},
          {"train", config.train},
          {"base", {{"file", base.string()}, {"sums", sums}}}};
}

NativeCheckpoint adapted_model(std::filesystem::path const& base,
                               std::filesystem::path const& adapter,
                               WeightKind weights) {
  return with_context([&] { return merge(read_weights(base), read_adapter(adapter, weights)); },
                      "adapting the model '",
                      base.string(),
                      "' by '",
                      adapter.string(),
                      "'");
}

void take_plain_weights(NativeCheckpoint& checkpoint) {
  auto const plain = std::string(kPlainWeights);
  auto& tensors = checkpoint.tensors;
  bool is_adapted = false;
  for (auto& [name, tensor] : tensors) {
    if (name.starts_with(plain)) {
      auto const key = name.substr(plain.size());
      auto found = tensors.find(kModelWeights + key);
      if (found == tensors.end()) {
        found = tensors.find(kAdapterWeights + key);
        is_adapted = true;
      }
      require(
          found != tensors.end(), "the checkpoint's '", name, "' is of no parameter of its model");
      found->second = tensor;
    }
  }
  if (is_adapted) {
    merge_updates(checkpoint);
  }
}

}  // namespace eddyline
