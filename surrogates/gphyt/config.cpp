#include "surrogates/gphyt/config.hpp"

#include "core/error.hpp"

namespace eddyline {
namespace {

/// Table 1 of the paper.
GphytShape preset(GphytSize size) {
  switch (size) {
    case GphytSize::S:
      return {192, 768, 3, 12};
    case GphytSize::M:
      return {768, 3072, 12, 12};
    case GphytSize::L:
      return {1024, 4096, 16, 24};
    case GphytSize::XL:
      return {1280, 5120, 16, 32};
  }
  return {};
}

std::vector<int64_t> preset_channels(GphytSize size) {
  switch (size) {
    case GphytSize::S:
      return {64};
    case GphytSize::M:
      return {128, 256};
    default:
      return {128, 256, 512};
  }
}

void require_positive(int64_t value, std::string const& key) {
  require(value >= 1, "model.", key, " is ", value, "; it must be at least 1");
}

void require_probability(double value, char const* key) {
  require(
      value >= 0 && value < 1, "model.", key, " is ", value, "; it must be at least 0 and below 1");
}

void check_end(GphytConfig const& config, GphytEndConfig const& end, std::string const& key) {
  bool const linear = end.mode == GphytTokens::linear;
  require(end.overlap >= 0 && end.overlap % 2 == 0,
          "model.",
          key,
          ".overlap is ",
          end.overlap,
          "; it must be even, half of it lies on each side");
  require(linear || end.overlap == 0,
          "model.",
          key,
          ".overlap is ",
          end.overlap,
          " but the mode is conv_net, whose convolutions overlap as they are; set it to 0");
  require(!linear || !end.channels,
          "model.",
          key,
          ".channels is given but the mode is linear, one map without channels between; set the "
          "mode to conv_net or leave channels out");
  for (auto const channels : linear ? std::vector<int64_t>{} : inner_channels(config, end)) {
    require_positive(channels, key + ".channels");
  }
}

void check_shape(GphytConfig const& config) {
  auto const shape = shape_of(config);
  require_positive(shape.hidden_dim, "hidden_dim");
  require_positive(shape.mlp_dim, "mlp_dim");
  require_positive(shape.num_heads, "num_heads");
  require_positive(shape.num_layers, "num_layers");
  require(shape.hidden_dim % shape.num_heads == 0,
          "model.num_heads ",
          shape.num_heads,
          " does not divide model.hidden_dim ",
          shape.hidden_dim);
  require(config.positions != GphytPositions::rope || shape.hidden_dim % 6 == 0,
          "model.positions is rope, which turns pairs of numbers along three axes, but "
          "model.hidden_dim ",
          shape.hidden_dim,
          " is no multiple of 6; use positions absolute, or another hidden_dim (sizes S and M "
          "have one)");
}

}  // namespace

GphytShape shape_of(GphytConfig const& config) {
  auto const base = preset(config.size);
  return {config.hidden_dim.value_or(base.hidden_dim),
          config.mlp_dim.value_or(base.mlp_dim),
          config.num_heads.value_or(base.num_heads),
          config.num_layers.value_or(base.num_layers)};
}

std::vector<int64_t> inner_channels(GphytConfig const& config, GphytEndConfig const& end) {
  return end.channels.value_or(preset_channels(config.size));
}

GphytIntegrator step_of(GphytConfig const& config) {
  return config.forward_semantics == GphytForward::head ? GphytIntegrator::euler
                                                        : config.integrator;
}

GphytConfig checked(GphytConfig config) {
  check_shape(config);
  for (auto const patch : config.patch) {
    require_positive(patch, "patch");
  }
  require(config.patch[0] == 1,
          "model.patch is [",
          std::vector<int64_t>(config.patch.begin(), config.patch.end()),
          "]; GPhyT takes two-dimensional fields, whose axis D has one cell: begin it with 1");
  require_positive(config.time_patch, "time_patch");
  require_positive(config.history, "history");
  require(config.history % config.time_patch == 0,
          "model.history is ",
          config.history,
          ", no multiple of model.time_patch ",
          config.time_patch);
  check_end(config, config.tokenizer, "tokenizer");
  check_end(config, config.detokenizer, "detokenizer");
  require_probability(config.dropout, "dropout");
  require_probability(config.stochastic_depth, "stochastic_depth");
  return config;
}

}  // namespace eddyline
