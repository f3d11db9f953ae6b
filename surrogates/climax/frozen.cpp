#include "surrogates/climax/frozen.hpp"

#include <optional>

#include <ATen/ATen.h>

#include "surrogates/climax/climax.hpp"
#include "surrogates/layers/copy_of.hpp"
#include "surrogates/layers/linear_map.hpp"
#include "surrogates/layers/query_pool.hpp"
#include "surrogates/layers/tile_attention.hpp"

namespace eddyline {
namespace {

at::Tensor snapshot(at::Tensor const& parameter) {
  return parameter.detach().clone();
}

VariableAttention fold(QueryPool const& by, at::Tensor const& maps, Precision precision) {
  at::NoGradGuard const no_grad;
  auto folded = fold_variables(by, maps);
  auto const type = precision == Precision::bf16 ? at::kBFloat16 : maps.scalar_type();
  return {.score_maps = folded.score_maps.contiguous(),
          .value_maps = folded.value_maps.contiguous().to(type),
          .value_bias = snapshot(folded.value_bias)};
}

}  // namespace

FrozenClimaxBlock::FrozenClimaxBlock(ClimaxBlock const& block, int64_t heads, Precision precision)
    : heads_(heads),
      precision_(precision),
      norm1_(copy_of(*block.norm1, block.norm1->weight.numel())),
      norm2_(copy_of(*block.norm2, block.norm2->weight.numel())) {
  auto const pack = [&](auto const& layer) {
    return LinearMap(layer).packed(block.norm1->weight.scalar_type(), precision);
  };
  qkv_ = pack(*block.attn->qkv);
  proj_ = pack(*block.attn->proj);
  fc1_ = pack(*block.mlp->fc1);
  fc2_ = pack(*block.mlp->fc2);
}

at::Tensor FrozenClimaxBlock::forward(at::Tensor const& x, SplitAttention const* split) const {
  auto const attend = [this](at::Tensor const& q, at::Tensor const& k, at::Tensor const& v) {
    return frozen_attention(q, k, v, precision_);
  };
  auto const attended =
      attend_to_tokens(qkv_.forward(norm1_->forward(x)), heads_, attend, split, precision_);
  auto mixed = proj_.forward(attended).add_(x);
  auto const hidden = fc1_.forward(norm2_->forward(mixed), Activation::gelu);
  fc2_.add_to(mixed, hidden);
  return mixed;
}

FrozenClimax::FrozenClimax(Climax const& climax, Precision precision)
    : domain_(climax.domain_),
      dim_(climax.config_.dim),
      heads_(climax.config_.heads),
      precision_(precision),
      variables_(fold({*climax.var_agg_, climax.var_query_, heads_},
                      climax.token_embeds_->maps(domain_.inputs(), climax.var_embed_),
                      precision)),
      table_(snapshot(climax.pos_embed_)),
      lead_weight_(snapshot(climax.lead_time_embed_->weight).flatten()),
      lead_bias_(snapshot(climax.lead_time_embed_->bias)),
      norm_(copy_of(*climax.norm_, dim_)) {
  auto const type = table_.scalar_type();
  aggregated_ = LinearMap(*climax.var_agg_->out_proj).packed(type, precision);
  for (auto const& block : climax.blocks_) {
    blocks_.emplace_back(*block, heads_, precision);
  }
  if (climax.time_agg_) {
    map_weight_ = snapshot(climax.head_[0]->weight);
    map_bias_ = snapshot(climax.head_[0]->bias);
    time_positions_ = snapshot(climax.time_pos_embed_).unsqueeze(2);
    time_query_ = snapshot(climax.time_query_);
    time_attention_ = copy_of(*climax.time_agg_, dim_);
    return;
  }
  for (auto const& layer : climax.head_) {
    head_.push_back(LinearMap(*layer).packed(type, precision));
  }
  auto const rows = [&](at::Tensor const& parameter) {
    return rows_of_outputs(
        parameter, domain_.outputs(), static_cast<int64_t>(climax.config_.variables.size()));
  };
  LinearMap const last(*climax.head_.back());
  head_.back() = LinearMap(rows(last.weight), rows(last.bias)).packed(type, precision);
}

at::Tensor FrozenClimax::positions(std::array<int64_t, 2> cells, Sharding const* patches) const {
  auto const block = domain_.block(cells, patches);
  std::scoped_lock const lock(mutex_);
  if (!positions_.second.defined() || !(positions_.first == block)) {
    positions_ = {block, domain_.positions(table_, cells, patches) + lead_bias_};
  }
  return positions_.second;
}

PackedLinear FrozenClimax::projection(std::array<int64_t, 2> cells, Sharding const* patches) const {
  auto const block = domain_.block(cells, patches);
  std::scoped_lock const lock(mutex_);
  if (!projection_.second.defined() || !(projection_.first == block)) {
    projection_ = {block,
                   {domain_.rows_of_cells(map_weight_, patches),
                    domain_.rows_of_cells(map_bias_, patches),
                    precision_}};
  }
  return projection_.second;
}

at::Tensor FrozenClimax::embed(at::Tensor const& frames, Sharding const* patches) const {
  auto const images = frames.flatten(0, 1);  // (M, Vi, H, W)
  auto x =
      aggregated_.forward(attend_to_variables(variables_, domain_.cut(images, patches), precision_))
          .view({images.size(0), -1, dim_})
          .add_(positions({images.size(2), images.size(3)}, patches));
  if (!time_positions_.defined()) {
    return x;
  }
  return (x.unflatten(0, {frames.size(0), frames.size(1)}) + time_positions_).flatten(0, 1);
}

at::Tensor FrozenClimax::decode(at::Tensor const& x,
                                std::array<int64_t, 3> shape,
                                Sharding const* patches) const {
  if (time_attention_) {
    auto const years =
        domain_.mean_over_patches(x, patches).unflatten(0, {-1, shape[0]});  // (B, T, D)
    QueryPool const pool{*time_attention_, time_query_, heads_};
    auto const pooled = pool.pool(years, 1, {.precision = precision_});
    return domain_.projected(projection({shape[1], shape[2]}, patches).forward(pooled), patches);
  }
  auto y = x;
  for (size_t i = 0; i + 1 < head_.size(); ++i) {
    y = head_[i].forward(y, Activation::gelu);
  }
  return domain_.join(head_.back().forward(y), {shape[1], shape[2]}, patches);
}

at::Tensor FrozenClimax::predict(Batch const& batch) const {
  at::NoGradGuard const no_grad;
  auto const frames = domain_.frames(batch);
  auto const patches = domain_.patches_of(batch);
  domain_.check(frames, patches.get());
  std::optional<SplitAttention> split;
  if (patches) {
    split.emplace(*patches, heads_);
  }
  auto const lead = domain_.lead_time(batch).repeat_interleave(frames.size(1), 0);
  auto x = embed(frames, patches.get()) + lead.view({-1, 1, 1}) * lead_weight_;
  for (auto const& block : blocks_) {
    x = block.forward(x, split ? &*split : nullptr);
  }
  auto const maps =
      decode(norm_->forward(x), {frames.size(1), frames.size(3), frames.size(4)}, patches.get());
  return maps.unsqueeze(2).unsqueeze(1);
}

}  // namespace eddyline
