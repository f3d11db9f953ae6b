#include <fmt/format.h>

#include <filesystem>

#include "apps/command_line.hpp"
#include "apps/verbs.hpp"
#include "core/error.hpp"
#include "surrogates/adaptation/adapted_model.hpp"
#include "surrogates/conversion.hpp"
#include "surrogates/registry.hpp"

namespace eddyline {
namespace {

struct ConvertConfig {
  std::string surrogate;
  YamlText import{"{}\n"};
  std::string adapter;
  std::optional<std::string> prefix;
  std::optional<std::string> container;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("surrogate", surrogate, "network that the file is of; empty: told by its keys");
    v("import", import, "what the file does not tell; the keys of each network are listed below");
    v("adapter",
      adapter,
      "of a training with train.adapt; FROM is its base, and TO becomes the plain model that they "
      "make together");
    v("prefix",
      prefix,
      "to .pt and .safetensors: what every key begins with, as module.; empty: what the network's "
      "authors write, from .h5; else nothing");
    v("container",
      container,
      "to .pt: entry that holds the state dict, as state_dict; empty: likewise; '' for none");
  }
};

std::string description() {
  std::string text =
      "Writes a checkpoint in another form, told by the ending of TO: .h5 is a checkpoint of "
      "Eddyline with weights, optimiser moments and configuration; .safetensors and .pt, .pth, "
      ".ckpt (PyTorch) are weights under the names of the network's authors. FROM is any of them; "
      "nothing in it is run. To .h5, sizes are read from the shapes; what shapes do not tell is "
      "given by the keys of 'import'. Says what became of every key that did not simply keep its "
      "name. With 'adapter' it merges an adapter into its base instead.";
  for (auto const& entry : surrogate_registry()) {
    if (entry.published.import != nullptr) {
      text += "\n\nimport, for " + entry.name + ":\n" + entry.published.default_options();
    }
  }
  return text;
}

VerbUsage convert_usage() {
  return {.name = "convert",
          .description = description(),
          .operands = {"FROM", "TO"},
          .example =
              "eddyline convert morph-Ti-FM-max_ar1_ep225.pth morph-Ti.h5 "
              "'import.fields=[density,velocity:x:y]'",
          .modes = {RunMode::overwrite}};
}

/// Merges an adapter into its base.
std::string merge_adapter(std::filesystem::path const& base,
                          std::filesystem::path const& to,
                          std::filesystem::path const& adapter) {
  require(to.extension() == ".h5",
          "'",
          to.string(),
          "': a base and its adapter become a checkpoint of Eddyline; end the name with .h5, then "
          "convert that");
  auto const whole = adapted_model(base, adapter);
  write_native(to, whole);
  return fmt::format("{} tensors, with '{}' merged into them, written to {}\n",
                     whole.tensors.size(),
                     adapter.string(),
                     to.string());
}

}  // namespace

int run_convert(std::vector<std::string> const& arguments, Communicator const& world) {
  auto const line = parse_command_line<ConvertConfig>(arguments, convert_usage(), world);
  if (!line) {
    return 0;
  }
  world.together([&] {
    require(line->operands.size() == 2,
            "convert takes two files, FROM and TO, not ",
            line->operands.size(),
            "; see 'eddyline convert --help'");
    std::filesystem::path const to = line->operands[1];
    require(line->mode == RunMode::overwrite || !std::filesystem::exists(to),
            "'",
            to.string(),
            "' exists; give another name or --overwrite");
  });
  world.together([&] {
    if (world.is_root()) {
      auto const& from = line->operands[0];
      auto const& to = line->operands[1];
      if (!line->config.adapter.empty()) {
        fmt::print("{}", merge_adapter(from, to, line->config.adapter));
        return;
      }
      ConversionOptions const options{.surrogate = line->config.surrogate,
                                      .import = line->config.import.text,
                                      .prefix = line->config.prefix,
                                      .container = line->config.container};
      fmt::print("{}", convert_checkpoint(from, to, options));
    }
  });
  return 0;
}

}  // namespace eddyline
