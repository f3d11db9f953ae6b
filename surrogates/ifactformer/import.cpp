#include "surrogates/ifactformer/import.hpp"

#include <map>

#include <ATen/ATen.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

constexpr char const* kBlock = "encoder.layers.0.1.";

/// Sizes of a tensor that any IFactFormer has.
at::IntArrayRef shape_of(PytorchCheckpoint const& checkpoint,
                         std::string const& name,
                         int64_t dimensions) {
  for (auto const& [key, value] : checkpoint.parameters) {
    if (key == name && value.dim() == dimensions && value.numel() > 0) {
      return value.sizes();
    }
  }
  throw Error(
      concat("the file holds no IFactFormer: it has no '", name, "' of ", dimensions, " axes"));
}

SurrogateSpec spec_of(IFactFormerImport const& options, int64_t channels) {
  std::vector<Field> fields;
  for (auto const& name : options.fields) {
    fields.push_back(parse_field(name));
  }
  for (int64_t i = 0; options.fields.empty() && i < channels; ++i) {
    fields.push_back({.name = "field" + std::to_string(i)});
  }
  FieldSet const set(fields);
  require(set.channels() == channels,
          "import.fields has ",
          set.channels(),
          " channels (",
          set.describe(),
          "), the network has ",
          channels);
  return {.input_fields = set, .output_fields = set};
}

std::string summary_of(IFactFormerConfig const& config, int64_t channels, bool named) {
  return concat("IFactFormer-",
                enum_name(config.variant),
                ": dim ",
                config.dim,
                ", heads ",
                config.heads,
                ", dim_head ",
                config.dim_head,
                ", depth ",
                config.depth,
                ", history ",
                config.history,
                ", ",
                channels,
                " channels out\nnot in the file: n_layer ",
                config.n_layer,
                ", coordinates ",
                enum_name(config.coordinates),
                ", as many channels in as out, fields ",
                named ? "given" : "without names");
}

}  // namespace

bool is_ifactformer(PytorchCheckpoint const& checkpoint) {
  return checkpoint.has(concat(kBlock, "low_rank_kernel_x.to_q.weight"));
}

IFactFormerConfig infer_ifactformer(PytorchCheckpoint const& checkpoint,
                                    IFactFormerImport const& options) {
  auto const of_block = [&](char const* name, int64_t dimensions) {
    return shape_of(checkpoint, concat(kBlock, name), dimensions);
  };
  auto const gather = shape_of(checkpoint, "to_in.2.weight", 4);            // (d, d/2, t, 1)
  auto const values = of_block("to_v.weight", 2)[0];                        // h·e
  auto const pairs = of_block("low_rank_kernel_x.pos_emb.inv_freq", 1)[0];  // 3e/2
  auto const dim_head = 2 * pairs / kIFactKernelWidth;
  require(2 * pairs % kIFactKernelWidth == 0 && values % dim_head == 0 &&
              of_block("low_rank_kernel_x.to_q.weight", 2)[0] == kIFactKernelWidth * values,
          "the checkpoint's queries are not ",
          kIFactKernelWidth,
          " times as wide as its values (",
          values,
          " columns, ",
          pairs,
          " frequencies); it is of another network");
  auto const columns = of_block("to_out.2.weight", 2)[1];
  IFactFormerConfig config{.variant = columns == values ? IFactVariant::o : IFactVariant::m,
                           .dim = gather[0],
                           .heads = values / dim_head,
                           .dim_head = dim_head,
                           .depth = 0,
                           .n_layer = options.n_layer,
                           .history = gather[2],
                           .coordinates = options.coordinates,
                           .extent = options.extent};
  while (checkpoint.has(concat("encoder.layers.", config.depth, ".1.to_v.weight"))) {
    ++config.depth;
  }
  return checked(config);
}

ImportedModel import_ifactformer(PytorchCheckpoint const& checkpoint,
                                 IFactFormerImport const& options) {
  auto const config = infer_ifactformer(checkpoint, options);
  auto const channels = shape_of(checkpoint, "simple_to_out.3.weight", 3)[0];
  ImportedModel imported{.spec = spec_of(options, channels)};
  imported.network = std::make_shared<IFactFormer>(config, imported.spec, /*seed=*/0);
  report_removed_prefix(checkpoint, imported.report);
  copy_weights(*imported.network,
               {checkpoint.parameters.begin(), checkpoint.parameters.end()},
               "IFactFormer");
  // Upstream numbers its parameters in the order of the state dict, which holds buffers too.
  auto order = keys_of(checkpoint.parameters);
  auto const parameters = imported.network->named_parameters();
  std::erase_if(order, [&](auto const& name) { return !parameters.contains(name); });
  copy_moments(checkpoint, order, imported);
  imported.summary = summary_of(config, channels, !options.fields.empty());
  return imported;
}

}  // namespace eddyline
