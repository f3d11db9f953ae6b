#include "workflows/training/initial_weights.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "surrogates/checkpoints/pytorch_file.hpp"
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
  require(
      std::filesystem::exists(path), "there is no checkpoint '", path.string(), "' (train.from)");
  if (is_native(path)) {
    return read_native(path);
  }
  require(is_pytorch(path),
          "'",
          path.string(),
          "' (train.from) is neither a native checkpoint nor a PyTorch file");
  NativeCheckpoint checkpoint;
  for (auto& [key, tensor] : read_pytorch(path).parameters) {
    checkpoint.tensors["model/" + key] = tensor;
  }
  return checkpoint;
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
