#include "surrogates/unet/import.hpp"

#include <algorithm>
#include <numeric>

#include <ATen/ATen.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

using Parameters = std::map<std::string, at::Tensor>;

constexpr int64_t kMostLevels = 16;

Parameters by_name(PytorchCheckpoint const& checkpoint) {
  return {checkpoint.parameters.begin(), checkpoint.parameters.end()};
}

at::Tensor const& need(Parameters const& parameters, std::string const& name) {
  auto const found = parameters.find(name);
  require(found != parameters.end() && found->second.dim() >= 1,
          "the file holds no CNextU-Net: it has no '",
          name,
          "'");
  return found->second;
}

/// How many of "<before><i><after>", i = 0, 1, …, there are.
int64_t count(Parameters const& parameters, std::string const& before, std::string const& after) {
  int64_t found = 0;
  while (parameters.contains(concat(before, found, after))) {
    ++found;
  }
  return found;
}

/// Dimensions of the data: axes of a convolution's kernel.
size_t dimensions_of(Parameters const& parameters) {
  auto const axes = need(parameters, "in_proj.weight").dim() - 2;
  require(axes >= 1 && axes <= 3, "the file holds no CNextU-Net of 1 to 3 axes but of ", axes);
  return static_cast<size_t>(axes);
}

FieldSet fields_of(std::vector<std::string> const& names, int64_t channels, char const* stem) {
  std::vector<Field> fields;
  for (auto const& name : names) {
    fields.push_back(parse_field(name));
  }
  for (int64_t i = 0; names.empty() && i < channels; ++i) {
    fields.push_back({.name = concat(stem, i)});
  }
  return FieldSet(fields);
}

/// A grid with the network's axes; the data that it meets bring their own cells.
Grid grid_of(UnetConfig const& config, size_t dimensions) {
  constexpr std::array<char const*, 3> kNames = {"x", "y", "z"};
  std::vector<Axis> axes;
  for (size_t a = 0; a < dimensions; ++a) {
    auto const cells = std::max<int64_t>(2, config.patch[3 - dimensions + a]);
    Axis axis{.name = kNames[a], .coordinates = std::vector<double>(static_cast<size_t>(cells))};
    std::iota(axis.coordinates.begin(), axis.coordinates.end(), 0.0);
    axes.push_back(axis);
  }
  return Grid(axes);
}

SurrogateSpec spec_of(Parameters const& parameters,
                      UnetConfig const& config,
                      UnetImport const& options) {
  auto const inputs = need(parameters, "in_proj.weight").size(1);
  auto const outputs = need(parameters, "out_proj.weight").size(0);
  require(outputs >= 1 && inputs >= outputs,
          "the checkpoint takes ",
          inputs,
          " channels and predicts ",
          outputs,
          "; only networks that predict every field that they are given can be imported");
  auto const constants = inputs - config.history * outputs;
  require(constants >= 0,
          "the checkpoint takes ",
          inputs,
          " channels and predicts ",
          outputs,
          ": that is not ",
          config.history,
          " frames; set import.history to ",
          inputs / outputs,
          " or less");
  auto const fields = fields_of(options.fields, outputs, "field");
  require(fields.channels() == outputs,
          "the checkpoint predicts ",
          outputs,
          " channels, import.fields names ",
          fields.channels());
  auto const constant_fields = fields_of(options.constants, constants, "constant");
  require(constant_fields.channels() == constants,
          "the checkpoint takes ",
          constants,
          " channels besides ",
          config.history,
          " frames of ",
          outputs,
          ", import.constants names ",
          constant_fields.channels(),
          "; name as many, or set import.history");
  return {.input_fields = fields,
          .output_fields = fields,
          .constant_fields = constant_fields,
          .grid = grid_of(config, dimensions_of(parameters))};
}

}  // namespace

UnetConfig infer_unet(PytorchCheckpoint const& checkpoint, UnetImport const& options) {
  auto const parameters = by_name(checkpoint);
  auto const dimensions = dimensions_of(parameters);
  auto const levels = count(parameters, "encoder.", ".resample.block.1.weight");
  UnetConfig config{.patch = {1, 1, 1},
                    .features = need(parameters, "in_proj.weight").size(0),
                    .blocks_per_stage = count(parameters, "encoder.0.blocks.", ".gamma"),
                    .blocks_at_neck = count(parameters, "neck.blocks.", ".gamma"),
                    .history = options.history,
                    .padding = options.padding};
  // The widest weights tell that the sizes are honest, before anything of their size is made.
  auto const& widest = need(parameters, "neck.blocks.0.pwconv1.weight");
  require(levels <= kMostLevels && widest.size(0) == 4 * (config.features << levels),
          "the file holds no CNextU-Net: ",
          levels,
          " levels above ",
          config.features,
          " features do not lead to 'neck.blocks.0.pwconv1.weight' of ",
          widest.size(0),
          " rows");
  for (int64_t level = 0; level < levels; ++level) {
    auto const name = concat("encoder.", level, ".resample.block.1.weight");
    auto const& kernel = need(parameters, name);
    require(kernel.dim() == static_cast<int64_t>(dimensions) + 2,
            "the file holds no CNextU-Net: '",
            name,
            "' has ",
            kernel.dim(),
            " axes");
    for (size_t a = 0; a < dimensions; ++a) {
      config.patch[3 - dimensions + a] *= kernel.size(static_cast<int64_t>(a) + 2);
    }
  }
  return checked(config);
}

ImportedModel import_unet(PytorchCheckpoint const& checkpoint, UnetImport const& options) {
  auto const parameters = by_name(checkpoint);
  auto const config = infer_unet(checkpoint, options);
  ImportedModel imported{.spec = spec_of(parameters, config, options)};
  imported.network = std::make_shared<Unet>(config, imported.spec, /*seed=*/0);
  report_removed_prefix(checkpoint, imported.report);
  for (auto const& buffer : imported.network->named_buffers()) {
    imported.report.push_back(concat("kept        ", buffer.key(), ": stored, never added"));
  }
  copy_weights(*imported.network, parameters, "a CNextU-Net");
  // Upstream numbers its parameters in the order of the state dict, buffers of ours among them.
  copy_moments(checkpoint, keys_of(checkpoint.parameters), imported);
  imported.summary = concat("CNextU-Net: ",
                            dimensions_of(parameters),
                            "-D, patch ",
                            std::vector<int64_t>(config.patch.begin(), config.patch.end()),
                            ", ",
                            config.features,
                            " features, ",
                            config.blocks_per_stage,
                            " blocks a stage, ",
                            config.blocks_at_neck,
                            " at the neck\nnot in the file: history ",
                            config.history,
                            ", ",
                            imported.spec.input_fields.channels(),
                            " channels of fields, ",
                            imported.spec.constant_fields.channels(),
                            " of constants");
  return imported;
}

}  // namespace eddyline
