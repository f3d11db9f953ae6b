#include "surrogates/morph/block.hpp"

#include <cmath>

#include <ATen/ATen.h>

#include "surrogates/morph/embedding.hpp"

namespace eddyline {
namespace {

// Sites inside a block's 64: eight for each attention, then the MLP's.
constexpr uint64_t kSitesPerBlock = 64;
constexpr uint64_t kSitesPerAttention = 8;
constexpr uint64_t kProbabilitySite = 4;
constexpr uint64_t kMlpSite = 32;

LoraLinear::Options lora(LoraConfig const& config, int64_t rank, uint64_t site) {
  return {.rank = rank, .alpha = config.alpha, .dropout = config.dropout, .site = site};
}

}  // namespace

AxisAttention::AxisAttention(MorphConfig const& config, int64_t axis, uint64_t site)
    : axis_(axis), heads_(shape_of(config).heads), dropout_(config.dropout), site_(site) {
  auto const dim = shape_of(config).dim;
  uint64_t next = site;
  auto const make = [&](char const* name) {
    return register_module(name,
                           std::make_shared<LoraLinear>(
                               dim, dim, lora(config.lora, config.lora.attention_rank, next++)));
  };
  q = make("q");
  k = make("k");
  v = make("v");
  o = make("o");
}

at::Tensor AxisAttention::forward(at::Tensor const& u, Pass const& pass) const {
  if (u.size(axis_) == 1) {
    return o->forward(v->forward(u, pass), pass);
  }
  return o->forward(attend(q->forward(u, pass), k->forward(u, pass), v->forward(u, pass), pass),
                    pass);
}

at::Tensor AxisAttention::attend(at::Tensor const& query,
                                 at::Tensor const& key,
                                 at::Tensor const& value,
                                 Pass const& pass) const {
  auto const sizes = query.sizes();
  auto const length = sizes[static_cast<size_t>(axis_)];
  int64_t outer = 1;
  for (int64_t a = 0; a < axis_; ++a) {
    outer *= sizes[static_cast<size_t>(a)];
  }
  auto const head = sizes.back() / heads_;
  // Axes after this one count as heads: a view (outer, inner·heads, L, head), nothing is moved.
  auto const split = [&](at::Tensor const& x) {
    return x.view({outer, length, -1, head}).transpose(1, 2);
  };
  auto const q_heads = split(query);
  auto const k_heads = split(key);
  auto const v_heads = split(value);
  if (!pass.training || dropout_ <= 0) {
    return at::scaled_dot_product_attention(q_heads, k_heads, v_heads)
        .transpose(1, 2)
        .reshape(sizes);
  }
  auto const scores =
      at::matmul(q_heads / std::sqrt(static_cast<double>(head)), k_heads.transpose(-2, -1));
  auto const share = drop(at::softmax(scores, -1), dropout_, site_ + kProbabilitySite, pass);
  return at::matmul(share, v_heads).transpose(1, 2).reshape(sizes);
}

AxialAttention::AxialAttention(MorphConfig const& config, uint64_t site) {
  auto const make = [&](char const* name, int64_t axis) {
    auto const own = site + kSitesPerAttention * static_cast<uint64_t>(axis - 1);
    return register_module(name, std::make_shared<AxisAttention>(config, axis, own));
  };
  attn_t = make("attn_t", 1);
  attn_d = make("attn_d", 2);
  attn_h = make("attn_h", 3);
  attn_w = make("attn_w", 4);
}

at::Tensor AxialAttention::forward(at::Tensor u, Pass const& pass) const {
  if (u.size(1) > 1) {
    u = u + attn_t->forward(u, pass);
  }
  return u + attn_d->forward(u, pass) + attn_h->forward(u, pass) + attn_w->forward(u, pass);
}

MorphBlock::MorphBlock(MorphConfig const& config, int64_t index)
    : dropout_(config.dropout),
      site_(kFirstBlockSite + kSitesPerBlock * static_cast<uint64_t>(index)) {
  auto const shape = shape_of(config);
  norm1 = register_module("norm1", std::make_shared<LayerNorm>(shape.dim));
  axial_attn = register_module("axial_attn", std::make_shared<AxialAttention>(config, site_));
  norm2 = register_module("norm2", std::make_shared<LayerNorm>(shape.dim));
  mlp = register_module("mlp", std::make_shared<torch::nn::Module>());
  auto const mlp_site = site_ + kMlpSite;
  widen_ = mlp->register_module(
      "0",
      std::make_shared<LoraLinear>(
          shape.dim, shape.mlp_dim, lora(config.lora, config.lora.mlp_rank, mlp_site)));
  narrow_ = mlp->register_module(
      "3",
      std::make_shared<LoraLinear>(
          shape.mlp_dim, shape.dim, lora(config.lora, config.lora.mlp_rank, mlp_site + 1)));
}

at::Tensor MorphBlock::forward(at::Tensor const& x,
                               at::Tensor const& attention,
                               Pass const& pass) const {
  auto const mixed = x + attention;
  auto const site = site_ + kMlpSite;
  auto const hidden =
      drop(at::gelu(widen_->forward(norm2->forward(mixed), pass)), dropout_, site + 2, pass);
  return mixed + drop(narrow_->forward(hidden, pass), dropout_, site + 3, pass);
}

}  // namespace eddyline
