#include "surrogates/checkpoints/published_file.hpp"

#include "core/error.hpp"
#include "surrogates/checkpoints/safetensors.hpp"

namespace eddyline {
namespace {

constexpr size_t kMostFactsBytes = size_t{1} << 20;
constexpr int kMostFactDepth = 32;

/// JSON from a file that nobody vouches for: later it is written by recursion, so its depth counts.
nlohmann::json parse_facts(std::string const& text) {
  require(text.size() <= kMostFactsBytes,
          "its text 'facts' has ",
          text.size(),
          " bytes; at most ",
          kMostFactsBytes,
          " are allowed");
  auto const check = [](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    require(
        depth <= kMostFactDepth, "its text 'facts' is nested more than ", kMostFactDepth, " deep");
    return true;
  };
  auto facts = nlohmann::json::parse(text, check, /*allow_exceptions=*/false);
  require(facts.is_object(), "its text 'facts' is no JSON object");
  return facts;
}

PytorchCheckpoint read_safetensors_checkpoint(std::filesystem::path const& path) {
  auto content = read_safetensors(path);
  PytorchCheckpoint checkpoint;
  with_context(
      [&] {
        for (auto const& [name, text] : content.metadata) {
          if (name == "facts") {
            checkpoint.facts.update(parse_facts(text));
          } else {
            checkpoint.facts[name] = text;
          }
        }
        set_parameters(checkpoint, std::move(content.tensors));
      },
      "reading safetensors file '",
      path.string(),
      "'");
  return checkpoint;
}

}  // namespace

bool is_published_file(std::filesystem::path const& path) {
  return is_pytorch(path) || is_safetensors(path);
}

PytorchCheckpoint read_published_file(std::filesystem::path const& path) {
  return is_safetensors(path) ? read_safetensors_checkpoint(path) : read_pytorch(path);
}

}  // namespace eddyline
