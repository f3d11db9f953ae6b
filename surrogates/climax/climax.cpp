#include "surrogates/climax/climax.hpp"

#include <cmath>
#include <numeric>

#include <ATen/ATen.h>

#include "surrogates/climax/frozen.hpp"
#include "surrogates/climax/positions.hpp"
#include "surrogates/layers/initial.hpp"
#include "surrogates/layers/recompute.hpp"
#include "surrogates/layers/split_tokens.hpp"

namespace eddyline {
namespace {

constexpr uint64_t kEmbeddingSite = 1;

bool is_projection(ClimaxConfig const& config) {
  return config.variant == ClimaxVariant::projection;
}

}  // namespace

Climax::Climax(ClimaxConfig const& config, SurrogateSpec const& spec, uint64_t seed)
    : Surrogate("climax"), config_(checked(config, spec)), domain_(config_, spec) {
  make_modules();
  initialise(seed);
}

void Climax::make_modules() {
  auto const dim = config_.dim;
  auto const patches = table_patches(config_);
  auto const variables = static_cast<int64_t>(config_.variables.size());
  auto const table = [&](char const* name, int64_t rows) {
    return register_parameter(name, at::zeros({1, rows, dim}));
  };
  var_embed_ = table("var_embed", variables);
  var_query_ = table("var_query", 1);
  pos_embed_ = table("pos_embed", patches[0] * patches[1]);
  if (is_projection(config_)) {
    time_pos_embed_ = table("time_pos_embed", config_.history);
    time_query_ = table("time_query", 1);
  }
  token_embeds_ = register_module("token_embeds", std::make_shared<TokenEmbedding>(config_));
  var_agg_ = register_module("var_agg", std::make_shared<PackedAttention>(dim));
  lead_time_embed_ = register_module("lead_time_embed", std::make_shared<Linear>(1, dim));
  auto const list = register_module("blocks", std::make_shared<torch::nn::Module>());
  for (int64_t i = 0; i < config_.depth; ++i) {
    blocks_.push_back(
        list->register_module(std::to_string(i), std::make_shared<ClimaxBlock>(config_, i)));
  }
  norm_ = register_module("norm", std::make_shared<LayerNorm>(dim));
  if (is_projection(config_)) {
    auto const cells = (*config_.grid)[0] * (*config_.grid)[1];
    head_ = {register_module("head", std::make_shared<Linear>(dim, cells))};
    time_agg_ = register_module("time_agg", std::make_shared<PackedAttention>(dim));
    return;
  }
  auto const head = register_module("head", std::make_shared<torch::nn::Module>());
  for (int64_t i = 0; i <= config_.decoder_depth; ++i) {
    auto const outputs =
        i < config_.decoder_depth ? dim : variables * config_.patch[1] * config_.patch[2];
    // Odd places of upstream's sequence are the activations.
    head_.push_back(
        head->register_module(std::to_string(2 * i), std::make_shared<Linear>(dim, outputs)));
  }
}

void Climax::initialise(uint64_t seed) {
  at::NoGradGuard const no_grad;
  constexpr double kDeviation = 0.02;  // upstream cuts at ±2, a hundred deviations
  var_embed_.copy_(sine_table(var_embed_.size(1), config_.dim).unsqueeze(0));
  pos_embed_.copy_(sine_table(table_patches(config_), config_.dim).unsqueeze(0));
  if (is_projection(config_)) {
    time_pos_embed_.copy_(sine_table(config_.history, config_.dim).unsqueeze(0));
  }
  token_embeds_->initialise(kDeviation, {.seed = seed, .step = kInitialStep});
  auto const width_bound = 1 / std::sqrt(static_cast<double>(config_.dim));
  uint64_t index = 2;  // streams 0 and 1 are the tokens', whose layouts differ in number
  for (auto const& item : named_parameters()) {
    auto const& name = item.key();
    if (name.starts_with("token_embeds.")) {
      continue;
    }
    RandomKey const key{.seed = seed, .step = kInitialStep, .layer = index++};
    bool const is_late =
        is_projection(config_) && (name.starts_with("time_agg.") || name.starts_with("head."));
    if (name.find("norm") != std::string::npos) {
      continue;  // as constructed
    }
    if (name.ends_with("in_proj_weight")) {
      auto const sides = static_cast<double>(item.value().size(0) + item.value().size(1));
      fill_symmetric(item.value(), std::sqrt(6 / sides), key);  // Xavier
    } else if (is_late && (name.ends_with(".weight") || name == "head.bias")) {
      fill_symmetric(item.value(), width_bound, key);  // PyTorch's own, as upstream adds them last
    } else if (name.ends_with(".weight")) {
      fill_gaussian(item.value(), kDeviation, key);
    }
  }
}

at::Tensor Climax::embed(at::Tensor const& frames, Pass const& pass, ClimaxTrace* trace) const {
  auto const* const patches = pass.sharding.get();
  domain_.check(frames, patches);
  auto const images = frames.flatten(0, 1);  // (M, Vi, H, W)
  auto const aggregated = aggregate_variables({*var_agg_, var_query_, config_.heads},
                                              token_embeds_->maps(domain_.inputs(), var_embed_),
                                              domain_.cut(images, patches),
                                              pass)
                              .view({images.size(0), -1, config_.dim});
  if (trace) {
    trace->aggregated = aggregated;
  }
  auto x = aggregated + domain_.positions(pos_embed_, {images.size(2), images.size(3)}, patches);
  if (is_projection(config_)) {
    x = (x.unflatten(0, {frames.size(0), frames.size(1)}) + time_pos_embed_.unsqueeze(2))
            .flatten(0, 1);
  }
  return x;
}

at::Tensor Climax::forecast(at::Tensor const& embedded,
                            at::Tensor const& lead_time,
                            std::array<int64_t, 3> shape,
                            Pass const& pass,
                            ClimaxTrace* trace) const {
  // In float32 whatever the pass says: a lead time of three digits does not fit bfloat16.
  auto const lead = apply_linear(
      lead_time.unsqueeze(1), lead_time_embed_->weight, lead_time_embed_->bias, Precision::fp32);
  auto x = embedded + lead.repeat_interleave(shape[0], 0).unsqueeze(1);
  auto inner = pass;
  std::shared_ptr<SplitAttention const> split;
  if (pass.sharding) {
    split = std::make_shared<SplitAttention const>(*pass.sharding, config_.heads);
    inner.places = std::make_shared<RowPlaces const>(
        TokenRange(pass.samples, shape[0], *pass.sharding).places());
  }
  x = drop(x, config_.dropout, kEmbeddingSite, inner);
  for (size_t i = 0; i < blocks_.size(); ++i) {
    x = run_segment(pass, *blocks_[i], {x}, [inner, split, block = blocks_[i]](auto const& in) {
      return block->forward(in[0], inner, split.get());
    });
    if (trace && i == 0) {
      trace->first_block = x;
    }
  }
  x = norm_->forward(x);
  if (trace) {
    trace->encoded = x;
  }
  return decode(x, shape, pass);
}

at::Tensor Climax::decode(at::Tensor const& x,
                          std::array<int64_t, 3> shape,
                          Pass const& pass) const {
  if (is_projection(config_)) {
    auto const* const patches = pass.sharding.get();
    auto const years =
        domain_.mean_over_patches(x, patches).unflatten(0, {-1, shape[0]});  // (B, T, D)
    auto const pooled = QueryPool{*time_agg_, time_query_, config_.heads}.pool(years, 1, pass);
    auto const values = apply_linear(pooled,
                                     domain_.rows_of_cells(head_[0]->weight, patches),
                                     domain_.rows_of_cells(head_[0]->bias, patches),
                                     pass.precision);
    return domain_.projected(values, patches);
  }
  auto y = x;
  for (size_t i = 0; i + 1 < head_.size(); ++i) {
    y = at::gelu(head_[i]->forward(y, pass));
  }
  auto const variables = static_cast<int64_t>(config_.variables.size());
  auto const& last = *head_.back();
  y = apply_linear(y,
                   rows_of_outputs(last.weight, domain_.outputs(), variables),
                   rows_of_outputs(last.bias, domain_.outputs(), variables),
                   pass.precision);
  return domain_.join(y, {shape[1], shape[2]}, pass.sharding.get());
}

at::Tensor Climax::forward(at::Tensor const& frames,
                           at::Tensor const& lead_time,
                           Pass const& pass,
                           ClimaxTrace* trace) const {
  auto const embedded = embed(frames, pass, trace);
  return forecast(
      embedded, lead_time, {frames.size(1), frames.size(3), frames.size(4)}, pass, trace);
}

at::Tensor Climax::predict(Batch const& batch, Context const& context) {
  Pass pass{.precision = context.precision,
            .training = is_training(),
            .random = context.random,
            .samples = batch.sample_ids,
            .activations = context.activations,
            .sharding = domain_.patches_of(batch)};
  if (pass.samples.empty()) {
    pass.samples.resize(static_cast<size_t>(batch.size()));
    std::iota(pass.samples.begin(), pass.samples.end(), 0);
  }
  auto const frames = domain_.frames(batch);
  return forward(frames, domain_.lead_time(batch), pass).unsqueeze(2).unsqueeze(1);
}

std::unique_ptr<FrozenSurrogate const> Climax::freeze(Precision precision) const {
  return std::make_unique<FrozenClimax>(*this, precision);
}

std::optional<GridPart> Climax::predicted_part() const {
  return region() ? std::optional(region()->part()) : std::nullopt;
}

std::string Climax::config() const {
  return print_config(config_);
}

std::vector<ParameterGroup> Climax::parameter_groups() const {
  ParameterGroup decayed{.name = "weights"}, tables{.name = "tables", .weight_decay = 0};
  for (auto const& item : named_parameters()) {
    auto const& name = item.key();
    bool const is_table =
        name.find("var_embed") != std::string::npos || name.find("pos_embed") != std::string::npos;
    bool const is_frozen = config_.freeze_encoder && name.starts_with("blocks.") &&
                           name.find("norm") == std::string::npos;
    if (!is_frozen) {
      (is_table ? tables : decayed).parameters.push_back(name);
    }
  }
  return {decayed, tables};
}

}  // namespace eddyline
