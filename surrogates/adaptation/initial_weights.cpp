#include "surrogates/adaptation/initial_weights.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "surrogates/checkpoints/published_file.hpp"
#include "surrogates/layers/linear.hpp"
#include "surrogates/stored_model.hpp"

namespace eddyline {
namespace {

constexpr size_t kNamed = 5;  // keys that a message lists before "and n more"

bool is_low_rank(std::string const& key) {
  return key.ends_with(".A") || key.ends_with(".B");
}

bool begins_with_any(std::string const& key, std::vector<std::string> const& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(), [&](auto const& prefix) {
    return key.starts_with(prefix);
  });
}

void append(std::string& message, std::string const& what, std::vector<std::string> keys) {
  if (keys.empty()) {
    return;
  }
  auto const more =
      keys.size() > kNamed ? concat(" and ", keys.size() - kNamed, " more") : std::string();
  keys.resize(std::min(keys.size(), kNamed));
  message += concat("\n  ", what, ": ", keys, more);
}

}  // namespace

NativeCheckpoint read_weights(std::filesystem::path const& path) {
  require(std::filesystem::exists(path), "there is no checkpoint '", path.string(), "'");
  if (is_native(path)) {
    auto checkpoint = read_native(path);
    require_whole_model(checkpoint);
    return checkpoint;
  }
  require(is_published_file(path),
          "'",
          path.string(),
          "' is neither a native checkpoint nor a file of PyTorch or safetensors");
  NativeCheckpoint checkpoint;
  for (auto& [key, tensor] : read_published_file(path).parameters) {
    checkpoint.tensors["model/" + key] = tensor;
  }
  return checkpoint;
}

std::map<std::string, at::Tensor> merged_weights(NativeCheckpoint const& checkpoint,
                                                 Surrogate const& surrogate) {
  auto tensors = checkpoint.tensors;
  auto const own = surrogate.named_parameters();
  auto const has_no_place = [&](std::string const& name) {
    return name.starts_with(kModelWeights) && is_low_rank(name) &&
           !own.contains(name.substr(std::string_view(kModelWeights).size()));
  };
  if (std::none_of(tensors.begin(), tensors.end(), [&](auto const& item) {
        return has_no_place(item.first);
      })) {
    return tensors;
  }
  require(
      checkpoint.facts.contains("model"),
      "the weights have low-rank updates (keys ending in .A and .B) that the network lacks, and "
      "the file does not tell how to merge them; convert it first with 'eddyline convert'");
  auto const adapted = load_model(checkpoint);
  for (auto const& item : adapted->named_modules()) {
    auto const* const layer = item.value()->as<LoraLinear>();
    auto const prefix = std::string(kModelWeights) + item.key();
    if (layer != nullptr && has_no_place(prefix + ".A")) {
      tensors[prefix + ".base.weight"] = layer->merged_weight();
      tensors.erase(prefix + ".A");
      tensors.erase(prefix + ".B");
    }
  }
  return tensors;
}

std::map<std::string, at::Tensor> initial_moments(Surrogate const& surrogate,
                                                  std::map<std::string, at::Tensor> const& tensors,
                                                  std::vector<std::string> const& fresh) {
  std::set<std::string> kept;
  for (auto const& group : surrogate.parameter_groups()) {
    kept.insert(group.parameters.begin(), group.parameters.end());
  }
  for (auto const& name : fresh) {
    kept.erase(name);
  }
  std::map<std::string, at::Tensor> moments;
  for (auto const& [name, tensor] : tensors) {
    if (name.starts_with(kMoments)) {
      auto const key = name.substr(kMoments.size());
      if (kept.contains(key.substr(0, key.rfind('/')))) {
        moments[key] = tensor;
      }
    }
  }
  require(!moments.empty(),
          "train.moments is keep, but the checkpoint holds no moments of a parameter that is "
          "trained; set train.moments=fresh, or convert an official .pth file first with 'eddyline "
          "convert'");
  return moments;
}

std::vector<std::string> load_initial_weights(Surrogate& surrogate,
                                              std::map<std::string, at::Tensor> const& tensors,
                                              std::vector<std::string> const& fresh) {
  auto merged = model_tensors(surrogate);
  std::vector<std::string> kept, missing, unlike, extra;
  for (auto& [name, own] : merged) {
    auto const key = name.substr(std::string("model/").size());
    auto const found = tensors.find(name);
    if (begins_with_any(key, fresh) || (found == tensors.end() && is_low_rank(key))) {
      kept.push_back(key);
    } else if (found == tensors.end()) {
      missing.push_back(key);
    } else if (found->second.sizes() != own.sizes()) {
      unlike.push_back(
          concat(key, " (", found->second.sizes().vec(), ") instead of (", own.sizes().vec(), ")"));
    } else {
      own = found->second;
    }
  }
  for (auto const& [name, tensor] : tensors) {
    if (name.starts_with("model/") && !merged.contains(name) &&
        !begins_with_any(name.substr(6), fresh)) {
      extra.push_back(name.substr(6));
    }
  }
  std::string differences;
  append(differences, "missing in the checkpoint", missing);
  append(differences, "of another shape", unlike);
  append(differences, "not in the network", extra);
  require(differences.empty(),
          "the weights do not fit the network:",
          differences,
          "\n  change model to fit, or name what shall begin fresh by the start of its keys: "
          "train.fresh: [pos_encoding]");
  load_model_tensors(surrogate, merged);
  return kept;
}

}  // namespace eddyline
