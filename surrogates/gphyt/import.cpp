#include "surrogates/gphyt/import.hpp"

#include <numeric>

#include <ATen/ATen.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

/// Channels of the published models.
std::vector<std::string> const kPublishedFields = {
    "pressure", "density", "temperature", "velocity:x:y"};
constexpr int64_t kPublishedChannels = 5;

Axis axis_of(std::string const& name, int64_t cells) {
  Axis axis{.name = name, .coordinates = std::vector<double>(static_cast<size_t>(cells))};
  std::iota(axis.coordinates.begin(), axis.coordinates.end(), 0.0);
  return axis;
}

/// The named fields; without names the published ones, or field0, field1, …
FieldSet fields_of(int64_t channels, std::vector<std::string> names) {
  if (names.empty() && channels == kPublishedChannels) {
    names = kPublishedFields;
  }
  bool const unnamed = names.empty();
  for (int64_t i = 0; unnamed && i < channels; ++i) {
    names.push_back(concat("field", i));
  }
  std::vector<Field> fields;
  for (auto const& name : names) {
    fields.push_back(parse_field(name));
  }
  FieldSet const set(std::move(fields));
  require(set.channels() == channels,
          "import.fields are ",
          set.channels(),
          " channels (",
          set.describe(),
          "), the file has ",
          channels,
          "; a vector is written velocity:x:y");
  return set;
}

SurrogateSpec spec_of(GphytFound const& found, std::vector<std::string> const& names) {
  auto const fields = fields_of(found.fields, names);
  SurrogateSpec spec{.input_fields = fields, .output_fields = fields};
  if (found.cells[0] > 0) {
    spec.grid = Grid({axis_of("x", found.cells[0]), axis_of("y", found.cells[1])});
  }
  return spec;
}

/// The filters are constants; a file with others would need another network.
void check_filter(std::string const& name, at::Tensor const& filter) {
  auto const rows = filter.to(at::kFloat).reshape({filter.size(0), -1});
  bool const known = rows.size(1) == 3 &&
                     at::equal(rows, at::tensor({-1.0F, 0.0F, 1.0F}).expand_as(rows).contiguous());
  require(known,
          "'",
          name,
          "' is not (-1, 0, 1) for every field; differences of the nearest neighbours are all that "
          "GPhyT takes here");
}

/// The file's parameters; what follows from the configuration is checked and reported.
std::map<std::string, at::Tensor> without_buffers(PytorchCheckpoint const& checkpoint,
                                                  std::vector<std::string>& report) {
  std::map<std::string, at::Tensor> stored;
  for (auto const& [name, value] : checkpoint.parameters) {
    if (!is_gphyt_buffer(name)) {
      stored[name] = value;
      continue;
    }
    if (name.starts_with("derivatives.")) {
      check_filter(name, value);
    }
    report.push_back(concat("dropped     ", name, ": it follows from the configuration"));
  }
  return stored;
}

std::string ends_text(GphytEndConfig const& end) {
  return end.mode == GphytTokens::conv_net
             ? concat("conv_net with ", *end.channels)
             : concat("linear", end.overlap > 0 ? concat(", overlap ", end.overlap) : "");
}

std::string summary_of(GphytFound const& found, GphytImport const& options) {
  auto const& config = found.config;
  auto const shape = shape_of(config);
  auto const grid = found.cells[0] > 0 ? concat(found.cells[0], " × ", found.cells[1], " points")
                                       : std::string("any grid");
  return concat("GPhyT: hidden_dim ",
                shape.hidden_dim,
                ", mlp_dim ",
                shape.mlp_dim,
                ", num_layers ",
                shape.num_layers,
                ", patch ",
                config.time_patch,
                " × ",
                config.patch[1],
                " × ",
                config.patch[2],
                ", ",
                found.fields,
                " channels ",
                config.derivatives ? "with" : "without",
                " derivatives, ",
                grid,
                ", tokeniser ",
                ends_text(config.tokenizer),
                ", detokeniser ",
                ends_text(config.detokenizer),
                "\nnot in the shapes: num_heads ",
                shape.num_heads,
                options.num_heads ? " (given)" : "",
                ", history ",
                config.history,
                ", attention ",
                enum_name(config.attention),
                ", integrator ",
                enum_name(config.integrator),
                ", forward_semantics ",
                enum_name(config.forward_semantics));
}

}  // namespace

ImportedModel import_gphyt(PytorchCheckpoint const& checkpoint, GphytImport const& options) {
  auto const found = infer_gphyt(checkpoint, options);
  ImportedModel imported{.spec = spec_of(found, options.fields)};
  imported.network = std::make_shared<Gphyt>(found.config, imported.spec, /*seed=*/0);
  report_removed_prefix(checkpoint, imported.report);
  copy_weights(*imported.network, without_buffers(checkpoint, imported.report), "GPhyT");
  // Upstream numbers its optimiser's states by the order of the parameters.
  copy_moments(checkpoint, imported.network->named_parameters().keys(), imported);
  imported.summary = summary_of(found, options);
  return imported;
}

}  // namespace eddyline
