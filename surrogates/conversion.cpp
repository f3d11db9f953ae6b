#include "surrogates/conversion.hpp"

#include <algorithm>
#include <utility>

#include "core/error.hpp"
#include "surrogates/checkpoints/published_file.hpp"
#include "surrogates/checkpoints/pytorch_writer.hpp"
#include "surrogates/checkpoints/safetensors.hpp"
#include "surrogates/exported_state.hpp"
#include "surrogates/imported_model.hpp"
#include "surrogates/registry.hpp"

namespace eddyline {
namespace {

enum class Form { native, pytorch, safetensors };

Form form_named(std::filesystem::path const& path) {
  auto ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  for (auto const& [known, form] : std::map<std::string, Form>{{".h5", Form::native},
                                                               {".safetensors", Form::safetensors},
                                                               {".pt", Form::pytorch},
                                                               {".pth", Form::pytorch},
                                                               {".ckpt", Form::pytorch}}) {
    if (ending == known) {
      return form;
    }
  }
  throw Error(concat("the name '",
                     path.string(),
                     "' does not tell what to write: end it with .h5 (a checkpoint of Eddyline), "
                     ".safetensors, or .pt, .pth or .ckpt (PyTorch)"));
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

std::string lines(std::vector<std::string> const& report) {
  std::string text;
  for (auto const& line : report) {
    text += "  " + line + "\n";
  }
  return text;
}

std::string import_file(std::filesystem::path const& from,
                        std::filesystem::path const& to,
                        ConversionOptions const& options) {
  auto const checkpoint = read_published_file(from);
  auto const imported = with_context(
      [&] {
        return entry_for(checkpoint, options.surrogate)
            .published.import(checkpoint, options.import);
      },
      "converting '",
      from.string(),
      "'");
  auto native = to_native(imported);
  native.facts["source"] = {{"file", from.filename().string()},
                            {"facts", checkpoint.facts},
                            {"scheduler", checkpoint.scheduler},
                            {"param_groups", checkpoint.param_groups}};
  write_native(to, native);
  return concat(imported.summary,
                "\n",
                lines(imported.report),
                checkpoint.parameters.size(),
                " parameters and the optimiser's state of ",
                imported.optimizer.size(),
                " written to ",
                to.string(),
                "\n");
}

/// Writes a state dict and says what became of the rest.
/// \param facts  go into a safetensors file as JSON text; a PyTorch file holds none
std::string write_state(std::filesystem::path const& to,
                        ExportedState exported,
                        nlohmann::json const& facts,
                        ConversionOptions const& options) {
  auto const prefix = options.prefix.value_or(exported.prefix);
  auto const container = options.container.value_or(exported.container);
  auto& report = exported.report;
  for (auto& [key, tensor] : exported.state) {
    key.insert(0, prefix);
  }
  if (!prefix.empty()) {
    report.push_back(concat("renamed     every key: '", prefix, "' was put in front"));
  }
  if (form_named(to) == Form::safetensors) {
    Safetensors content{.tensors = exported.state, .metadata = {{"format", "pt"}}};
    if (!facts.empty()) {
      content.metadata["facts"] = facts.dump();
      report.emplace_back("kept        facts: as JSON in the text 'facts' of the file's metadata");
    }
    write_safetensors(to, content);
  } else {
    for (auto const& [key, value] : facts.items()) {
      report.push_back(concat("dropped     fact '", key, "'"));
    }
    write_pytorch(to, exported.state, container);
  }
  return concat(lines(report), exported.state.size(), " tensors written to ", to.string(), "\n");
}

/// Between the forms of published files: no network is needed.
std::string rewrite_file(std::filesystem::path const& from,
                         std::filesystem::path const& to,
                         ConversionOptions const& options) {
  auto checkpoint = read_published_file(from);
  ExportedState exported{.state = std::move(checkpoint.parameters)};
  report_removed_prefix(checkpoint, exported.report);
  if (!checkpoint.optimizer_state.empty()) {
    exported.report.push_back(concat("dropped     the optimiser's state of ",
                                     checkpoint.optimizer_state.size(),
                                     " parameters; a .h5 keeps it"));
  }
  auto facts = checkpoint.facts;
  facts.erase("format");  // of safetensors' metadata; written anew
  if (!checkpoint.scheduler.is_null()) {
    facts["scheduler_state_dict"] = checkpoint.scheduler;
  }
  if (!checkpoint.param_groups.empty()) {
    facts["param_groups"] = checkpoint.param_groups;
  }
  return write_state(to, std::move(exported), facts, options);
}

std::string export_file(std::filesystem::path const& from,
                        std::filesystem::path const& to,
                        ConversionOptions const& options) {
  auto const checkpoint = read_native(from);
  return with_context(
      [&] { return write_state(to, export_state(checkpoint), checkpoint.facts, options); },
      "converting '",
      from.string(),
      "'");
}

}  // namespace

std::string convert_checkpoint(std::filesystem::path const& from,
                               std::filesystem::path const& to,
                               ConversionOptions const& options) {
  bool const to_native = form_named(to) == Form::native;
  if (is_native(from)) {
    require(!to_native,
            "'",
            from.string(),
            "' is a checkpoint of Eddyline already; end the other name with .safetensors or .pt");
    return export_file(from, to, options);
  }
  return to_native ? import_file(from, to, options) : rewrite_file(from, to, options);
}

}  // namespace eddyline
