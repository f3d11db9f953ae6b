#include "surrogates/morph/morph.hpp"

#include <cmath>
#include <numeric>

#include <ATen/ATen.h>

#include "surrogates/layers/initial.hpp"
#include "surrogates/layers/recompute.hpp"
#include "surrogates/morph/frozen.hpp"
#include "surrogates/stored_model.hpp"

namespace eddyline {

namespace {

/// The pass with what is divided counted in patches.
Pass in_patches(Pass pass, int64_t frames, PatchGrid const& grid) {
  if (pass.sharding) {
    pass.sharding = std::make_shared<Sharding>(pass.sharding->in_patches(grid.patch));
    if (pass.training) {
      pass.places =
          std::make_shared<RowPlaces>(TokenRange(pass.samples, frames, *pass.sharding).places());
    }
  }
  return pass;
}

}  // namespace

MorphDecoder::MorphDecoder(MorphConfig const& config) {
  auto const dim = shape_of(config).dim;
  norm = register_module("norm", std::make_shared<LayerNorm>(dim));
  linear =
      register_module("linear",
                      std::make_shared<Linear>(
                          dim, config.max_fields * config.max_components * most_cells(config)));
}

at::Tensor MorphDecoder::forward(at::Tensor const& z, int64_t outputs, Pass const& pass) const {
  return apply_linear(norm->forward(z),
                      linear->weight.narrow(0, 0, outputs),
                      linear->bias.narrow(0, 0, outputs),
                      pass.precision);
}

Morph::Morph(MorphConfig const& config, SurrogateSpec const& spec, uint64_t seed)
    : Surrogate("morph"), config_(checked(config)), spec_(spec), fields_(config_, spec) {
  patch_embedding_ = register_module("patch_embedding", std::make_shared<PatchEmbedding>(config_));
  pos_encoding_ = register_module("pos_encoding", std::make_shared<PositionTable>(config_));
  auto const list = register_module("transformer_blocks", std::make_shared<torch::nn::Module>());
  for (int64_t i = 0; i < shape_of(config_).depth; ++i) {
    blocks_.push_back(
        list->register_module(std::to_string(i), std::make_shared<MorphBlock>(config_, i)));
  }
  decoder_ = register_module("decoder", std::make_shared<MorphDecoder>(config_));
  initialise(seed);
}

void Morph::initialise(uint64_t seed) {
  auto const items = named_parameters();
  uint64_t index = 0;
  for (auto const& item : items) {
    auto const& name = item.key();
    auto const& parameter = item.value();
    RandomKey const key{.seed = seed, .step = kInitialStep, .layer = index++};
    bool const is_bias = name.ends_with(".bias");
    if (name.find("norm") != std::string::npos || name.ends_with(".B") ||
        name.ends_with("in_proj_bias") || name.ends_with("out_proj.bias")) {
      continue;  // as constructed: norms 1 and 0, the others 0
    }
    if (name.ends_with("pos_embedding") || name.ends_with("field_attn.q")) {
      fill_gaussian(parameter, 1, key);
    } else if (name.ends_with("in_proj_weight")) {
      fill_symmetric(parameter,
                     std::sqrt(6.0 / static_cast<double>(parameter.size(0) + parameter.size(1))),
                     key);  // Xavier
    } else {
      auto const weight = is_bias ? items[name.substr(0, name.size() - 4) + "weight"] : parameter;
      fill_symmetric(parameter, 1 / std::sqrt(fan_in(weight)), key);
    }
  }
}

MorphOutput Morph::forward(at::Tensor const& volume,
                           Pass const& pass,
                           int64_t decoded_fields,
                           MorphTrace* trace) const {
  decoded_fields = decoded_fields == 0 ? volume.size(2) : decoded_fields;
  auto const grid = patch_grid(config_, volume.sizes(), decoded_fields);
  auto const* const cells = pass.sharding.get();
  auto const features = patch_embedding_->conv_features->forward(volume.flatten(0, 2), cells);
  MorphOutput output;
  output.enc =
      patch_embedding_->forward(features, {volume.size(0), volume.size(1), volume.size(2)}, pass);
  auto const inner = in_patches(pass, volume.size(1), grid);
  auto const table = inner.sharding ? pos_encoding_->forward(volume.size(1), *inner.sharding)
                                    : pos_encoding_->forward(volume.size(1), grid.patches());
  auto for_all = pass;
  for_all.samples = {-1};  // one mask of the table for the whole batch
  auto x = drop(
      output.enc +
          drop(table, config_.emb_dropout, kTableSite, in_patches(for_all, volume.size(1), grid)),
      config_.emb_dropout,
      kPositionSite,
      inner);
  x = x.unflatten(2, {grid.count[0], grid.count[1], grid.count[2]});
  for (size_t i = 0; i < blocks_.size(); ++i) {
    if (trace && i == 0) {
      *trace = {.conv_features = features,
                .pos_encoding = table,
                .first_attention = blocks_[i]->attention(x, inner).flatten(2, 4)};
    }
    x = run_segment(inner, *blocks_[i], {x}, [inner, block = blocks_[i]](auto const& in) {
      return block->forward(in[0], block->attention(in[0], inner), inner);
    });
    if (trace && i == 0) {
      trace->first_block = x.flatten(2, 4);
    }
  }
  output.z = x.flatten(2, 4);
  auto const decoded = decoder_->forward(
      output.z.select(1, volume.size(1) - 1), decoded_fields * volume.size(3) * grid.cells(), pass);
  output.pred = unpatchify(decoded, decoded_fields, volume.size(3), grid);
  return output;
}

FieldMap Morph::fields_of(Batch const& batch) const {
  bool const is_same = !batch.spec || (batch.spec->input_fields == spec_.input_fields &&
                                       batch.spec->output_fields == spec_.output_fields &&
                                       batch.spec->constant_fields == spec_.constant_fields &&
                                       batch.spec->scalars == spec_.scalars);
  return is_same ? fields_ : FieldMap(config_, surrogate_spec(*batch.spec));
}

at::Tensor Morph::predict(Batch const& batch, Context const& context) {
  Pass pass{.precision = context.precision,
            .training = is_training(),
            .random = context.random,
            .samples = batch.sample_ids,
            .activations = context.activations};
  if (batch.spec) {
    pass.sharding = batch.spec->sharding;
  }
  if (pass.samples.empty()) {
    pass.samples.resize(static_cast<size_t>(batch.size()));
    std::iota(pass.samples.begin(), pass.samples.end(), 0);
  }
  auto const fields = fields_of(batch);
  return fields.scatter(forward(fields.gather(batch), pass, fields.decoded_fields()).pred);
}

std::unique_ptr<FrozenSurrogate const> Morph::freeze(Precision precision) const {
  return std::make_unique<FrozenMorph>(*this, precision);
}

std::string Morph::config() const {
  return print_config(config_);
}

std::vector<ParameterGroup> Morph::parameter_groups() const {
  if (config_.fine_tune == FineTune::everything) {
    return Surrogate::parameter_groups();
  }
  return fine_tune_groups(config_.fine_tune, named_parameters().keys(), shape_of(config_).depth);
}

}  // namespace eddyline
