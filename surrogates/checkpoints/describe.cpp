#include "surrogates/checkpoints/describe.hpp"

#include <map>
#include <sstream>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "surrogates/checkpoints/native.hpp"
#include "surrogates/checkpoints/published_file.hpp"
#include "surrogates/checkpoints/safetensors.hpp"

namespace eddyline {
namespace {

struct Part {
  int64_t tensors = 0;
  int64_t elements = 0;
  int64_t bytes = 0;
};

/// The first one or two words of a dotted or slashed name.
std::string part_of(std::string const& name) {
  auto const first = name.find_first_of("./");
  if (first == std::string::npos || name[first] == '.') {
    return name.substr(0, first);
  }
  return name.substr(0, name.find('.', first));
}

template <class Tensors>
void print_parts(std::ostream& out, Tensors const& tensors) {
  std::map<std::string, Part> parts;
  Part all;
  for (auto const& [name, tensor] : tensors) {
    for (auto* part : {&parts[part_of(name)], &all}) {
      part->tensors += 1;
      part->elements += tensor.numel();
      part->bytes += tensor.numel() * tensor.element_size();
    }
  }
  out << all.tensors << " tensors, " << all.elements << " numbers, "
      << (all.bytes + 500'000) / 1'000'000 << " MB\n";
  constexpr size_t kMostParts = 40;
  size_t printed = 0;
  for (auto const& [name, part] : parts) {
    if (++printed > kMostParts) {
      out << "  and " << parts.size() - kMostParts << " more\n";
      break;
    }
    out << "  " << name << ": " << part.tensors << " tensors, " << part.elements << " numbers\n";
  }
}

/// One line a fact; long ones are cut.
void print_facts(std::ostream& out, nlohmann::json const& facts) {
  constexpr size_t kMostText = 100;
  for (auto const& [key, value] : facts.items()) {
    auto text = value.is_string() ? value.get<std::string>() : value.dump();
    std::replace(text.begin(), text.end(), '\n', ' ');
    out << "  " << key << ": " << text.substr(0, kMostText) << (text.size() > kMostText ? " …" : "")
        << "\n";
  }
}

std::string describe_native(std::filesystem::path const& path) {
  auto const checkpoint = read_native(path);
  std::ostringstream out;
  out << "checkpoint of Eddyline: ";
  print_parts(out, checkpoint.tensors);
  auto facts = checkpoint.facts;
  if (facts.contains("model") && facts["model"].is_object() && facts["model"].contains("config")) {
    auto const& model = facts["model"];
    out << "network: " << model.value("surrogate", "unknown") << "\n";
    std::istringstream lines(model["config"].is_string() ? model["config"].get<std::string>() : "");
    for (std::string line; std::getline(lines, line);) {
      out << "  " << line.substr(0, line.find(" #")) << "\n";
    }
    facts.erase("model");
  }
  out << "facts:\n";
  print_facts(out, facts);
  return out.str();
}

std::string describe_published(std::filesystem::path const& path) {
  auto const checkpoint = read_published_file(path);
  std::ostringstream out;
  out << (is_safetensors(path) ? "safetensors file: " : "PyTorch file: ");
  print_parts(out, checkpoint.parameters);
  if (!checkpoint.removed_prefix.empty()) {
    out << "keys began with '" << checkpoint.removed_prefix << "'\n";
  }
  if (!checkpoint.optimizer_state.empty()) {
    auto const& first = checkpoint.optimizer_state.begin()->second;
    auto const step = first.find("step");
    out << "optimiser: state of " << checkpoint.optimizer_state.size() << " parameters";
    if (step != first.end() && step->second.numel() == 1) {
      out << " after " << step->second.item<double>() << " steps";
    }
    out << "\n";
  }
  out << (checkpoint.scheduler.is_null() ? "" : "scheduler: yes\n");
  if (!checkpoint.facts.empty()) {
    out << "facts:\n";
    print_facts(out, checkpoint.facts);
  }
  return out.str();
}

}  // namespace

std::optional<std::string> describe_checkpoint(std::filesystem::path const& path) {
  if (is_native(path)) {
    return describe_native(path);
  }
  if (is_torchscript(path)) {
    return concat(
        "TorchScript module: code, of which nothing was run; model.surrogate=script "
        "model.file=",
        path.string(),
        " --trust trains it\n");
  }
  if (is_published_file(path)) {
    return describe_published(path);
  }
  return std::nullopt;
}

}  // namespace eddyline
