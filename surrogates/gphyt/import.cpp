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

void copy_weights(PytorchCheckpoint const& checkpoint, ImportedModel& imported) {
  at::NoGradGuard const no_grad;
  auto parameters = imported.network->named_parameters();
  std::map<std::string, at::Tensor> stored;
  for (auto const& [name, value] : checkpoint.parameters) {
    if (!is_gphyt_buffer(name)) {
      stored[name] = value;
      continue;
    }
    if (name.starts_with("derivatives.")) {
      check_filter(name, value);
    }
    imported.report.push_back(concat("dropped     ", name, ": it follows from the configuration"));
  }
  for (auto const& item : parameters) {
    auto const found = stored.find(item.key());
    require(found != stored.end(),
            "the checkpoint lacks '",
            item.key(),
            "'; it is of another network or was cut");
    require(found->second.sizes() == item.value().sizes(),
            "'",
            item.key(),
            "' has shape (",
            found->second.sizes().vec(),
            ") in the checkpoint, (",
            item.value().sizes().vec(),
            ") in the network");
    item.value().copy_(found->second);
    stored.erase(found);
  }
  require(stored.empty(),
          "the checkpoint holds '",
          stored.empty() ? "" : stored.begin()->first,
          "', which GPhyT of these sizes does not have");
}

/// Upstream numbers its optimiser's states by the order of the parameters, which is ours.
void copy_optimizer(PytorchCheckpoint const& checkpoint, ImportedModel& imported) {
  auto const parameters = imported.network->named_parameters();
  for (auto const& [index, state] : checkpoint.optimizer_state) {
    bool const known = index >= 0 && index < static_cast<int64_t>(parameters.size());
    auto const moment = state.find("exp_avg");
    auto const name = known ? parameters[static_cast<size_t>(index)].key() : concat(index);
    if (known && moment != state.end() &&
        moment->second.sizes() == parameters[static_cast<size_t>(index)].value().sizes()) {
      imported.optimizer[name] = state;
    } else {
      imported.report.push_back(concat("dropped     optimiser state of ", name));
    }
  }
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
  if (!checkpoint.removed_prefix.empty()) {
    imported.report.push_back(concat(
        "renamed     every key: the leading '", checkpoint.removed_prefix, "' was taken off"));
  }
  copy_weights(checkpoint, imported);
  copy_optimizer(checkpoint, imported);
  imported.summary = summary_of(found, options);
  return imported;
}

}  // namespace eddyline
