#include "surrogates/climax/climax.hpp"

#include <cmath>
#include <numeric>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "surrogates/climax/lead_time.hpp"
#include "surrogates/climax/positions.hpp"
#include "surrogates/layers/initial.hpp"
#include "surrogates/layers/recompute.hpp"

namespace eddyline {
namespace {

constexpr uint64_t kEmbeddingSite = 1;

std::array<int64_t, 2> image_patch(ClimaxConfig const& config) {
  return {config.patch[1], config.patch[2]};
}

bool is_projection(ClimaxConfig const& config) {
  return config.variant == ClimaxVariant::projection;
}

/// Rows of the head's last layer that belong to the outputs: it holds ph·pw·V, V fastest.
at::Tensor rows_of(at::Tensor const& parameter,
                   std::vector<int64_t> const& outputs,
                   int64_t variables) {
  bool whole = static_cast<int64_t>(outputs.size()) == variables;
  for (size_t i = 0; i < outputs.size(); ++i) {
    whole = whole && outputs[i] == static_cast<int64_t>(i);
  }
  if (whole) {
    return parameter;
  }
  auto const places = at::tensor(outputs, at::kLong).to(parameter.device());
  return parameter.unflatten(0, {-1, variables}).index_select(1, places).flatten(0, 1);
}

void check_axes(Grid const& grid) {
  require(grid.axis(0).size() == 1,
          "ClimaX has two dimensions, the data have three: ",
          grid.describe());
  require(!(grid.axis(1).name.starts_with("lon") && grid.axis(2).name.starts_with("lat")),
          "ClimaX takes latitude before longitude, the data have them the other way: ",
          grid.describe(),
          "; write them as (time, latitude, longitude)");
}

}  // namespace

Climax::Climax(ClimaxConfig const& config, SurrogateSpec const& spec, uint64_t seed)
    : Surrogate("climax"), config_(checked(config, spec)) {
  check_axes(spec.grid);
  inputs_ = find_variables(config_.variables, spec.input_fields.channel_names(), "input");
  if (is_projection(config_)) {
    require(spec.output_fields.channels() == 1,
            "a projection predicts one map, the data have ",
            spec.output_fields.channels(),
            " output channels (",
            spec.output_fields.describe(),
            "); choose one with data.target_fields");
  } else {
    outputs_ = find_variables(config_.variables, spec.output_fields.channel_names(), "output");
  }
  if (config_.variant == ClimaxVariant::regional) {
    auto const shape = spec.grid.shape();
    region_grid_ = {shape[1], shape[2]};
    region_ =
        find_region(spec.grid, region_box(config_), image_patch(config_), config_.region_order);
  }
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

void Climax::check(at::Tensor const& frames) const {
  require(frames.dim() == 5, "ClimaX takes (B, T, V, H, W), not ", frames.dim(), " axes");
  require(frames.size(1) == config_.history,
          "there are ",
          frames.size(1),
          " input frames, model.history is ",
          config_.history);
  require(frames.size(2) == static_cast<int64_t>(inputs_.size()),
          "the data have ",
          frames.size(2),
          " channels, the model was made for ",
          inputs_.size());
  std::array<int64_t, 2> const cells = {frames.size(3), frames.size(4)};
  for (size_t a = 0; a < 2; ++a) {
    require(cells[a] % config_.patch[a + 1] == 0,
            "axis ",
            "HW"[a],
            " has ",
            cells[a],
            " points, not a multiple of patch ",
            config_.patch[a + 1],
            "; use data.fit crop or pad");
  }
  require(!region_ || cells == region_grid_,
          "the region was found on ",
          region_grid_[0],
          " x ",
          region_grid_[1],
          " cells, the data have ",
          cells[0],
          " x ",
          cells[1]);
  require(!is_projection(config_) || cells == *config_.grid,
          "a projection predicts ",
          (*config_.grid)[0],
          " x ",
          (*config_.grid)[1],
          " cells (model.grid), the data have ",
          cells[0],
          " x ",
          cells[1]);
}

at::Tensor Climax::positions(std::array<int64_t, 2> patches) const {
  auto const table = resample_positions(pos_embed_, table_patches(config_), patches);
  if (!region_) {
    return table;
  }
  auto const numbers = at::tensor(region_->patches(patches[1]), at::kLong);
  return table.index_select(1, numbers.to(table.device()));
}

at::Tensor Climax::embed(at::Tensor const& frames, Pass const& pass, ClimaxTrace* trace) const {
  check(frames);
  auto const patch = image_patch(config_);
  auto const images = frames.flatten(0, 1);  // (M, Vi, H, W)
  auto const cells = cut_patches(region_ ? region_->crop(images) : images, patch);
  auto const aggregated = aggregate_variables({*var_agg_, var_query_, config_.heads},
                                              token_embeds_->maps(inputs_, var_embed_),
                                              cells,
                                              pass)
                              .view({images.size(0), -1, config_.dim});
  if (trace) {
    trace->aggregated = aggregated;
  }
  auto x = aggregated + positions({images.size(2) / patch[0], images.size(3) / patch[1]});
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
  x = drop(x, config_.dropout, kEmbeddingSite, pass);
  for (size_t i = 0; i < blocks_.size(); ++i) {
    x = run_segment(pass, *blocks_[i], {x}, [pass, block = blocks_[i]](auto const& in) {
      return block->forward(in[0], pass);
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
    auto const years = x.mean(1).unflatten(0, {-1, shape[0]});  // (B, T, D)
    auto const pooled = QueryPool{*time_agg_, time_query_, config_.heads}.pool(years, 1, pass);
    return head_[0]->forward(pooled, pass).view({-1, 1, shape[1], shape[2]});
  }
  auto y = x;
  for (size_t i = 0; i + 1 < head_.size(); ++i) {
    y = at::gelu(head_[i]->forward(y, pass));
  }
  auto const variables = static_cast<int64_t>(config_.variables.size());
  auto const& last = *head_.back();
  y = apply_linear(y,
                   rows_of(last.weight, outputs_, variables),
                   rows_of(last.bias, outputs_, variables),
                   pass.precision);
  auto const patch = image_patch(config_);
  std::array<int64_t, 2> patches = {shape[1] / patch[0], shape[2] / patch[1]};
  if (region_) {
    patches = {static_cast<int64_t>(region_->rows.size()),
               static_cast<int64_t>(region_->columns.size())};
  }
  return join_patches(y, patches, patch);
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
            .activations = context.activations};
  if (pass.samples.empty()) {
    pass.samples.resize(static_cast<size_t>(batch.size()));
    std::iota(pass.samples.begin(), pass.samples.end(), 0);
  }
  require(batch.input.dim() == 6 && batch.input.size(3) == 1,
          "ClimaX has two dimensions: it takes (B, T, C, 1, H, W)");
  // A projection is of the year of its last frame.
  auto const lead = is_projection(config_) ? at::zeros({batch.size()}, batch.input.options())
                                           : scaled_lead_time(batch, config_.time_unit);
  return forward(batch.input.squeeze(3), lead, pass).unsqueeze(2).unsqueeze(1);
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
