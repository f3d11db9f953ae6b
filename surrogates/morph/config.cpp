#include "surrogates/morph/config.hpp"

#include "core/error.hpp"

namespace eddyline {
namespace {

/// Table 1 of the paper in the order of upstream's scripts: filters, dim, heads, depth, mlp_dim.
MorphShape preset(MorphSize size) {
  switch (size) {
    case MorphSize::Ti:
      return {8, 256, 4, 4, 1024};
    case MorphSize::S:
      return {8, 512, 8, 4, 2048};
    case MorphSize::M:
      return {8, 768, 12, 8, 3072};
    case MorphSize::Lt:
      return {8, 1024, 16, 8, 3072};
    case MorphSize::L:
      return {8, 1024, 16, 16, 4096};
    case MorphSize::XL:
      return {64, 1536, 24, 16, 8192};
  }
  return {};
}

void require_positive(int64_t value, char const* key) {
  require(value >= 1, "model.", key, " is ", value, "; it must be at least 1");
}

void require_probability(double value, char const* key) {
  require(
      value >= 0 && value < 1, "model.", key, " is ", value, "; it must be at least 0 and below 1");
}

void check_shape(MorphConfig const& config) {
  auto const shape = shape_of(config);
  require_positive(shape.dim, "dim");
  require_positive(shape.heads, "heads");
  require_positive(shape.depth, "depth");
  require_positive(shape.mlp_dim, "mlp_dim");
  require_positive(config.heads_xa, "heads_xa");
  require(shape.filters >= 1, "model.filters is ", shape.filters, "; use 8, 16, 32 or 64");
  require(shape.dim % shape.heads == 0,
          "model.heads ",
          shape.heads,
          " does not divide model.dim ",
          shape.dim);
  require(shape.dim % config.heads_xa == 0,
          "model.heads_xa ",
          config.heads_xa,
          " does not divide model.dim ",
          shape.dim,
          "; set model.heads_xa to a divisor of it");
}

}  // namespace

MorphShape shape_of(MorphConfig const& config) {
  auto const base = preset(config.size);
  return {config.filters.value_or(base.filters),
          config.dim.value_or(base.dim),
          config.heads.value_or(base.heads),
          config.depth.value_or(base.depth),
          config.mlp_dim.value_or(base.mlp_dim)};
}

bool uses_bilinear(MorphConfig const& config) {
  bool const by_rule = config.size == MorphSize::L && config.max_ar > 1;
  return config.positions == PositionMode::bilinear ||
         (config.positions == PositionMode::automatic && by_rule);
}

MorphConfig checked(MorphConfig config) {
  check_shape(config);
  for (auto const patch : config.patch) {
    require_positive(patch, "patch");
  }
  require_positive(config.history, "history");
  require_positive(config.max_patches, "max_patches");
  require_positive(config.max_fields, "max_fields");
  require_positive(config.max_components, "max_components");
  config.max_ar = config.max_ar == 0 ? config.history : config.max_ar;
  require(config.max_ar >= config.history,
          "model.history is ",
          config.history,
          " but model.max_ar is ",
          config.max_ar,
          "; set model.max_ar to at least ",
          config.history,
          ", or 0");
  require_probability(config.dropout, "dropout");
  require_probability(config.emb_dropout, "emb_dropout");
  require_probability(config.lora.dropout, "lora.dropout");
  require(config.lora.attention_rank >= 0 && config.lora.mlp_rank >= 0,
          "model.lora.attention_rank is ",
          config.lora.attention_rank,
          " and model.lora.mlp_rank is ",
          config.lora.mlp_rank,
          "; they must not be negative");
  if (config.fine_tune == FineTune::level4) {
    config.lora.attention_rank = 0;
    config.lora.mlp_rank = 0;
  }
  return config;
}

}  // namespace eddyline
