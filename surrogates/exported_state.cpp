#include "surrogates/exported_state.hpp"

#include <set>
#include <string_view>

#include "core/error.hpp"
#include "surrogates/stored_model.hpp"

namespace eddyline {
namespace {

/// Keys in the order of torch's state_dict(): of each module its parameters, its buffers, then its
/// parts.
void append_keys(torch::nn::Module const& module,
                 std::string const& path,
                 std::vector<std::string>& keys) {
  for (auto const& items :
       {module.named_parameters(/*recurse=*/false), module.named_buffers(/*recurse=*/false)}) {
    for (auto const& item : items) {
      keys.push_back(path + item.key());
    }
  }
  for (auto const& part : module.named_children()) {
    append_keys(*part.value(), path + part.key() + ".", keys);
  }
}

/// The checkpoint's tensors of the network, in the order of their names.
StateDict stored_state(NativeCheckpoint const& checkpoint) {
  StateDict state;
  for (auto const& [name, tensor] : checkpoint.tensors) {
    if (name.starts_with(kModelWeights)) {
      state.emplace_back(name.substr(std::string_view(kModelWeights).size()), tensor);
    }
  }
  return state;
}

/// What only a native checkpoint holds.
void report_rest(NativeCheckpoint const& checkpoint, std::vector<std::string>& report) {
  std::set<std::string> moments;
  for (auto const& [name, tensor] : checkpoint.tensors) {
    if (name.starts_with(kMoments)) {
      auto const key = name.substr(kMoments.size());
      moments.insert(key.substr(0, key.rfind('/')));
    } else if (!name.starts_with(kModelWeights)) {
      report.push_back(concat("dropped     ", name));
    }
  }
  if (!moments.empty()) {
    report.push_back(
        concat("dropped     the optimiser's state of ", moments.size(), " parameters"));
  }
}

}  // namespace

ExportedState export_state(NativeCheckpoint const& checkpoint) {
  auto const stored = stored_model(checkpoint.facts);
  auto const& published = surrogate_entry(stored.surrogate).published;
  ExportedState exported{.state = stored_state(checkpoint)};
  report_rest(checkpoint, exported.report);
  if (published.import == nullptr) {
    return exported;
  }
  auto const network = load_model(checkpoint);
  exported.container = published.container;
  exported.prefix = published.prefix;
  exported.state.clear();
  if (published.extra_state != nullptr) {
    exported.state = published.extra_state(*network, stored.spec, exported.report);
  }
  std::vector<std::string> keys;
  append_keys(*network, "", keys);
  for (auto const& key : keys) {
    exported.state.emplace_back(key, checkpoint.tensors.at(concat(kModelWeights, key)));
  }
  return exported;
}

}  // namespace eddyline
