#include "surrogates/morph/import.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include <ATen/ATen.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

constexpr int64_t kHeadSize = 64;  // of all published sizes

using Parameters = std::map<std::string, at::Tensor>;

Parameters by_name(PytorchCheckpoint const& checkpoint) {
  return {checkpoint.parameters.begin(), checkpoint.parameters.end()};
}

at::Tensor const& need(Parameters const& parameters, std::string const& name, int64_t dimensions) {
  auto const found = parameters.find(name);
  require(found != parameters.end() && found->second.dim() == dimensions,
          "the file holds no MORPH: it has no '",
          name,
          "' of ",
          dimensions,
          " axes");
  return found->second;
}

int64_t rank_of(Parameters const& parameters, std::string const& name) {
  auto const found = parameters.find(name);
  return found == parameters.end() ? 0 : found->second.size(0);
}

/// The preset that has these numbers, so that rules which name a size hold; Ti where none has.
MorphSize size_of(MorphShape const& shape) {
  for (auto const& [size, name] : EnumNames<MorphSize>::names) {
    auto const preset = shape_of({.size = size});
    if (preset.dim == shape.dim && preset.depth == shape.depth && preset.mlp_dim == shape.mlp_dim &&
        preset.filters == shape.filters) {
      return size;
    }
  }
  return MorphSize::Ti;
}

SurrogateSpec spec_of(MorphConfig const& config, std::vector<std::string> const& names) {
  std::vector<Field> fields;
  for (auto const& name : names) {
    fields.push_back(parse_field(name));
  }
  for (int64_t i = 0; names.empty() && i < config.max_fields; ++i) {
    fields.push_back({.name = "field" + std::to_string(i)});
  }
  return {.input_fields = FieldSet(fields), .output_fields = FieldSet(fields)};
}

/// Rows are repeated and the rest filled with the last, as upstream extends a table; columns are
/// resampled.
at::Tensor resize_table(at::Tensor const& table, at::IntArrayRef wanted) {
  auto rows = table;
  while (rows.size(1) + table.size(1) <= wanted[1]) {
    rows = at::cat({rows, table}, 1);
  }
  while (rows.size(1) < wanted[1]) {
    rows = at::cat({rows, table.narrow(1, table.size(1) - 1, 1)}, 1);
  }
  rows = rows.narrow(1, 0, wanted[1]);
  if (rows.size(2) != wanted[2]) {
    rows = at::upsample_linear1d(rows[0].transpose(1, 2), {wanted[2]}, false)
               .transpose(1, 2)
               .unsqueeze(0);
  }
  return rows;
}

bool is_lora(std::string const& name) {
  return name.ends_with(".A") || name.ends_with(".B");
}

/// Makes the file's tensors fit where the options change a shape or ask for LoRA, and says so.
void adapt(Parameters& stored, MorphImport const& options, ImportedModel& imported) {
  auto& report = imported.report;
  for (auto const& item : imported.network->named_parameters()) {
    auto const& name = item.key();
    auto const found = stored.find(name);
    if (found == stored.end()) {
      if (is_lora(name)) {
        stored[name] = item.value();
        report.push_back(concat("new         ", name, " (LoRA)"));
      }
      continue;
    }
    auto const before = found->second.sizes().vec();
    auto const wanted = item.value().sizes();
    bool const is_table = name == "pos_encoding.pos_embedding" && before.size() == 4 &&
                          (options.max_ar || options.max_patches);
    bool const by_patch = options.patch && (name.starts_with("patch_embedding.projection.weight") ||
                                            name.starts_with("decoder.linear."));
    if (before == wanted || !(is_table || by_patch)) {
      continue;
    }
    if (is_table) {
      found->second = resize_table(found->second.to(at::kFloat), wanted);
      report.push_back(
          concat("resized     ", name, " from (", before, ") to (", wanted.vec(), ")"));
    } else {
      found->second = item.value();
      report.push_back(concat(
          "initialised ", name, " anew: its shape (", before, ") became (", wanted.vec(), ")"));
    }
  }
}

/// Parameter names in the order of the optimiser's numbers: of all, or of the groups of a level.
std::vector<std::string> optimizer_order(PytorchCheckpoint const& checkpoint, int64_t depth) {
  auto const names = keys_of(checkpoint.parameters);
  size_t count = 0;
  for (auto const& group : checkpoint.param_groups) {
    count += group.is_object() && group.contains("params") ? group["params"].size() : 0;
  }
  for (auto const stage :
       {FineTune::everything, FineTune::level1, FineTune::level2, FineTune::level3}) {
    std::vector<std::string> order;
    for (auto const& group : fine_tune_groups(stage, names, depth)) {
      order.insert(order.end(), group.parameters.begin(), group.parameters.end());
    }
    if (order.size() == count) {
      return order;
    }
  }
  return {};
}

std::string summary_of(MorphConfig const& config, MorphImport const& options) {
  auto const shape = shape_of(config);
  return concat("MORPH: filters ",
                shape.filters,
                ", dim ",
                shape.dim,
                ", depth ",
                shape.depth,
                ", mlp_dim ",
                shape.mlp_dim,
                ", patch ",
                config.patch[0],
                " x ",
                config.patch[1],
                " x ",
                config.patch[2],
                ", max_ar ",
                config.max_ar,
                ", max_patches ",
                config.max_patches,
                ", at most ",
                config.max_fields,
                " fields of ",
                config.max_components,
                "\nnot in the file: heads ",
                shape.heads,
                options.heads ? " (given)" : " (dim/64)",
                ", heads_xa ",
                config.heads_xa,
                ", positions ",
                uses_bilinear(config) ? "bilinear" : "slice",
                ", fields ",
                options.fields.empty() ? "without names" : "given");
}

}  // namespace

MorphConfig infer_morph(PytorchCheckpoint const& checkpoint, MorphImport const& options) {
  auto const parameters = by_name(checkpoint);
  auto const& projection = need(parameters, "patch_embedding.projection.weight", 2);
  auto const& table = need(parameters, "pos_encoding.pos_embedding", 4);
  auto const components =
      need(parameters, "patch_embedding.conv_features.input_proj.weight", 5).size(1);
  int64_t filters = 0, depth = 0;
  for (int64_t i = 0;
       parameters.contains(concat("patch_embedding.conv_features.conv_stack.", i, ".weight"));
       i += 2) {
    filters =
        parameters.at(concat("patch_embedding.conv_features.conv_stack.", i, ".weight")).size(0);
  }
  while (parameters.contains(concat("transformer_blocks.", depth, ".norm1.weight"))) {
    ++depth;
  }
  require(filters > 0 && depth > 0 && components > 0,
          "the file holds no MORPH: it has no convolutions or no blocks");
  auto const dim = projection.size(0);
  auto const patch = std::llround(
      std::cbrt(static_cast<double>(projection.size(1)) / static_cast<double>(filters)));
  std::array<int64_t, 3> const cube = {patch, patch, patch};
  auto const outputs = need(parameters, "decoder.linear.weight", 2).size(0);
  MorphShape const shape{
      .filters = filters,
      .dim = dim,
      .heads = options.heads.value_or(std::max<int64_t>(1, dim / kHeadSize)),
      .depth = depth,
      .mlp_dim = need(parameters, "transformer_blocks.0.mlp.0.base.weight", 2).size(0)};
  MorphConfig config{.size = size_of(shape),
                     .filters = shape.filters,
                     .dim = shape.dim,
                     .heads = shape.heads,
                     .depth = shape.depth,
                     .mlp_dim = shape.mlp_dim,
                     .heads_xa = options.heads_xa,
                     .patch = options.patch.value_or(cube),
                     .history = options.history,
                     .max_ar = options.max_ar.value_or(table.size(1)),
                     .max_patches = options.max_patches.value_or(table.size(2)),
                     .max_fields = std::max<int64_t>(
                         1, outputs / std::max<int64_t>(1, components * patch * patch * patch)),
                     .max_components = components,
                     .positions = options.positions,
                     .dropout = options.dropout,
                     .emb_dropout = options.dropout,
                     .lora = options.lora,
                     .fine_tune = options.fine_tune};
  config.lora.attention_rank =
      std::max(config.lora.attention_rank,
               rank_of(parameters, "transformer_blocks.0.axial_attn.attn_t.q.A"));
  config.lora.mlp_rank =
      std::max(config.lora.mlp_rank, rank_of(parameters, "transformer_blocks.0.mlp.0.A"));
  return checked(config);
}

ImportedModel import_morph(PytorchCheckpoint const& checkpoint, MorphImport const& options) {
  auto const config = infer_morph(checkpoint, options);
  ImportedModel imported{.spec = spec_of(config, options.fields)};
  imported.network = std::make_shared<Morph>(config, imported.spec, options.seed);
  report_removed_prefix(checkpoint, imported.report);
  auto stored = by_name(checkpoint);
  adapt(stored, options, imported);
  copy_weights(
      *imported.network, stored, "MORPH", "; give patch, max_ar or max_patches to change it");
  copy_moments(checkpoint, optimizer_order(checkpoint, shape_of(config).depth), imported);
  imported.summary = summary_of(config, options);
  return imported;
}

}  // namespace eddyline
