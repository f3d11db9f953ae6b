#include <fmt/format.h>

#include <filesystem>

#include "apps/command_line.hpp"
#include "apps/verbs.hpp"
#include "core/error.hpp"
#include "surrogates/adaptation/adapted_model.hpp"
#include "surrogates/checkpoints/native.hpp"
#include "surrogates/checkpoints/pytorch_file.hpp"
#include "surrogates/imported_model.hpp"
#include "surrogates/registry.hpp"

namespace eddyline {
namespace {

struct ConvertConfig {
  std::string surrogate;
  YamlText import{"{}\n"};
  std::string adapter;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("surrogate", surrogate, "network that the file is of; empty: told by its keys");
    v("import", import, "what the file does not tell; the keys of each network are listed below");
    v("adapter",
      adapter,
      "of a training with train.adapt; FROM is its base, and TO becomes the plain model that they "
      "make together");
  }
};

std::string description() {
  std::string text =
      "Reads a published PyTorch checkpoint, without running anything in it, and writes it as a "
      "checkpoint of Eddyline: weights, optimiser moments and configuration. Sizes are read from "
      "the shapes; what shapes do not tell is given by the keys of 'import'. Says what became of "
      "every key that did not simply keep its name. With 'adapter' it merges an adapter into its "
      "base instead.";
  for (auto const& entry : surrogate_registry()) {
    if (entry.published.import != nullptr) {
      text += "\n\nimport, for " + entry.name + ":\n" + entry.published.default_options();
    }
  }
  return text;
}

VerbUsage usage() {
  return {.name = "convert",
          .description = description(),
          .operands = {"FROM.pth", "TO.h5"},
          .example =
              "eddyline convert morph-Ti-FM-max_ar1_ep225.pth morph-Ti.h5 "
              "'import.fields=[density,velocity:x:y]'"};
}

/// The network that is named, or the one whose keys the file has.
SurrogateEntry const& entry_for(PytorchCheckpoint const& checkpoint, std::string const& name) {
  std::vector<std::string> known;
  for (auto const& entry : surrogate_registry()) {
    if (entry.published.import == nullptr) {
      continue;
    }
    if (name.empty() ? entry.published.fits(checkpoint) : entry.name == name) {
      return entry;
    }
    known.push_back(entry.name);
  }
  require(
      name.empty(), "no checkpoints of '", name, "' are published; surrogate is one of ", known);
  throw Error(concat("the file is of none of the networks ",
                     known,
                     "; its first key is '",
                     checkpoint.parameters.empty() ? "" : checkpoint.parameters.front().first,
                     "'"));
}

std::string convert(std::filesystem::path const& from,
                    std::filesystem::path const& to,
                    ConvertConfig const& config) {
  if (!config.adapter.empty()) {
    auto const whole = adapted_model(from, config.adapter);
    write_native(to, whole);
    return fmt::format("{} tensors, with '{}' merged into them, written to {}\n",
                       whole.tensors.size(),
                       config.adapter,
                       to.string());
  }
  auto const checkpoint = read_pytorch(from);
  auto const imported = with_context(
      [&] {
        return entry_for(checkpoint, config.surrogate)
            .published.import(checkpoint, config.import.text);
      },
      "converting '",
      from.string(),
      "'");
  auto native = to_native(imported);
  native.facts["source"] = {{"file", from.filename().string()},
                            {"facts", checkpoint.facts},
                            {"scheduler", checkpoint.scheduler}};
  write_native(to, native);
  auto text = imported.summary + "\n";
  for (auto const& line : imported.report) {
    text += "  " + line + "\n";
  }
  return text + fmt::format("{} parameters and the optimiser's state of {} written to {}\n",
                            checkpoint.parameters.size(),
                            imported.optimizer.size(),
                            to.string());
}

}  // namespace

int run_convert(std::vector<std::string> const& arguments, Communicator const& world) {
  auto const line = parse_command_line<ConvertConfig>(arguments, usage(), world);
  if (!line) {
    return 0;
  }
  world.together([&] {
    require(line->operands.size() == 2,
            "convert takes two files, FROM.pth and TO.h5, not ",
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
      fmt::print("{}", convert(line->operands[0], line->operands[1], line->config));
    }
  });
  return 0;
}

}  // namespace eddyline
