#include <fmt/format.h>

#include <filesystem>

#include "apps/command_line.hpp"
#include "apps/verbs.hpp"
#include "core/error.hpp"
#include "surrogates/checkpoints/native.hpp"
#include "surrogates/checkpoints/pytorch_file.hpp"
#include "surrogates/morph/import.hpp"

namespace eddyline {
namespace {

VerbUsage usage() {
  return {.name = "convert",
          .description =
              "Reads a PyTorch checkpoint of MORPH, without running anything "
              "in it, and writes it as a checkpoint of "
              "Eddyline: weights, optimiser moments and configuration. Sizes "
              "are read from the shapes; what shapes do not "
              "tell is given by the keys. Says what became of every key that "
              "did not simply keep its name.",
          .operands = {"FROM.pth", "TO.h5"},
          .example = "eddyline convert morph-Ti-FM-max_ar1_ep225.pth "
                     "morph-Ti.h5 fields=[density,velocity:x:y]"};
}

/// What the shapes told and what was taken for granted.
std::string summary(MorphConfig const &config, MorphImport const &options) {
  auto const shape = shape_of(config);
  return fmt::format(
      "MORPH: filters {}, dim {}, depth {}, mlp_dim {}, patch {} x {} x {}, "
      "max_ar {}, max_patches {}, at most {} fields of {}\n"
      "not in the file: heads {} ({}), heads_xa {}, positions {}, fields {}\n",
      shape.filters, shape.dim, shape.depth, shape.mlp_dim, config.patch[0],
      config.patch[1], config.patch[2], config.max_ar, config.max_patches,
      config.max_fields, config.max_components, shape.heads,
      options.heads ? "given" : "dim/64", config.heads_xa,
      uses_bilinear(config) ? "bilinear" : "slice",
      options.fields.empty() ? "without names" : "given");
}

std::string convert(std::filesystem::path const &from,
                    std::filesystem::path const &to,
                    MorphImport const &options) {
  auto const checkpoint = read_pytorch(from);
  auto const imported =
      with_context([&] { return import_morph(checkpoint, options); },
                   "converting '", from.string(), "'");
  auto native = to_native(imported);
  native.facts["source"] = {{"file", from.filename().string()},
                            {"facts", checkpoint.facts},
                            {"scheduler", checkpoint.scheduler}};
  write_native(to, native);
  auto text = summary(imported.network->settings(), options);
  for (auto const &line : imported.report) {
    text += "  " + line + "\n";
  }
  return text +
         fmt::format(
             "{} parameters and the optimiser's state of {} written to {}\n",
             checkpoint.parameters.size(), imported.optimizer.size(),
             to.string());
}

} // namespace

int run_convert(std::vector<std::string> const &arguments,
                Communicator const &world) {
  auto const line = parse_command_line<MorphImport>(arguments, usage(), world);
  if (!line) {
    return 0;
  }
  world.together([&] {
    require(line->operands.size() == 2,
            "convert takes two files, FROM.pth and TO.h5, not ",
            line->operands.size(), "; see 'eddyline convert --help'");
    std::filesystem::path const to = line->operands[1];
    require(line->mode == RunMode::overwrite || !std::filesystem::exists(to),
            "'", to.string(), "' exists; give another name or --overwrite");
  });
  world.together([&] {
    if (world.is_root()) {
      fmt::print("{}",
                 convert(line->operands[0], line->operands[1], line->config));
    }
  });
  return 0;
}

} // namespace eddyline
