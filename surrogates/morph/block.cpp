#include "surrogates/morph/block.hpp"

#include <array>
#include <cmath>
#include <optional>

#include <ATen/ATen.h>

#include "surrogates/morph/embedding.hpp"

namespace eddyline {
namespace {

// Sites inside a block's 64: eight for each attention, then the MLP's.
constexpr uint64_t kSitesPerBlock = 64;
constexpr uint64_t kSitesPerAttention = 8;
constexpr uint64_t kProbabilitySite = 4;
constexpr uint64_t kMlpSite = 32;
constexpr int64_t kFirstSpace = 2;  // place of gD among the axes of the tokens

LoraLinear::Options lora(LoraConfig const& config, int64_t rank, uint64_t site) {
  return {.rank = rank, .alpha = config.alpha, .dropout = config.dropout, .site = site};
}

/// Dropout masks of a split sample are wanted.
bool needs_places(Pass const& pass) {
  return pass.training && pass.places != nullptr;
}

TokenRange tokens_of(at::Tensor const& u, Pass const& pass) {
  return {pass.samples, u.size(1), *pass.sharding};
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
  auto scores = pass;
  if (needs_places(pass)) {
    auto const lines = tokens_of(u, pass).without(static_cast<size_t>(axis_ - 1));
    scores.places =
        std::make_shared<RowPlaces>(score_places(lines.samples(), lines.numbers(), heads_));
  }
  return attend(u, axis_, pass, scores);
}

at::Tensor AxisAttention::forward_lines(at::Tensor const& lines,
                                        SplitLines const& split,
                                        at::Tensor const& u,
                                        Pass const& pass) const {
  auto rows = pass, scores = pass;
  if (needs_places(pass)) {
    auto const axis = static_cast<size_t>(axis_ - 1);
    auto const own = [&](at::Tensor const& numbers) {
      auto const moved = numbers.movedim(axis_, 0);
      return moved.reshape({moved.size(0), -1}).narrow(1, split.first_line(), split.lines());
    };
    auto const tokens = tokens_of(u, pass).whole(axis), each = tokens.without(axis);
    rows.places =
        std::make_shared<RowPlaces>(row_places(own(tokens.samples()), own(tokens.numbers())));
    scores.places =
        std::make_shared<RowPlaces>(score_places(own(each.samples()), own(each.numbers()), heads_));
  }
  return attend(lines, 0, rows, scores);
}

at::Tensor AxisAttention::attend(at::Tensor const& u,
                                 int64_t axis,
                                 Pass const& pass,
                                 Pass const& scores) const {
  auto const query = q->forward(u, pass), key = k->forward(u, pass), value = v->forward(u, pass);
  auto const sizes = query.sizes();
  auto const length = sizes[static_cast<size_t>(axis)];
  auto const head = sizes.back() / heads_;
  auto const outer = c10::multiply_integers(sizes.begin(), sizes.begin() + axis);
  auto const inner = c10::multiply_integers(sizes.begin() + axis + 1, sizes.end() - 1) * heads_;
  // Axes after this one count as heads: a view (outer, inner·heads, L, head), nothing is moved.
  auto const split = [&](at::Tensor const& x) {
    return x.view({outer, length, inner, head}).transpose(1, 2);
  };
  auto const q_heads = split(query), k_heads = split(key), v_heads = split(value);
  if (u.numel() == 0) {  // no lines for this rank, which takes part in the exchanges all the same
    return o->forward(query + key + value, pass);
  }
  if (!pass.training || dropout_ <= 0) {
    auto const mixed = at::scaled_dot_product_attention(q_heads, k_heads, v_heads);
    return o->forward(mixed.transpose(1, 2).reshape(sizes), pass);
  }
  auto const weights =
      at::matmul(q_heads / std::sqrt(static_cast<double>(head)), k_heads.transpose(-2, -1));
  auto const share = drop(at::softmax(weights, -1), dropout_, site_ + kProbabilitySite, scores);
  return o->forward(at::matmul(share, v_heads).transpose(1, 2).reshape(sizes), pass);
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
  AxisAttention const* const axes[] = {attn_d.get(), attn_h.get(), attn_w.get()};
  std::array<std::optional<SplitLines>, 3> lines;
  std::array<std::optional<Transposition::Pending>, 3> travelling;
  std::array<at::Tensor, 3> terms;
  for (size_t a = 0; a < 3; ++a) {
    if (pass.sharding && pass.sharding->axis(a).is_divided()) {
      auto const axis = static_cast<int64_t>(a) + kFirstSpace;
      lines[a].emplace(pass.sharding->axis(a), axis, u.sizes(), pass.sharding->flight());
      travelling[a] = lines[a]->begin(u);
    }
  }
  for (size_t a = 0; a < 3; ++a) {  // meanwhile
    if (!lines[a]) {
      terms[a] = axes[a]->forward(u, pass);
    }
  }
  for (size_t a = 0; a < 3; ++a) {
    if (lines[a]) {
      auto const whole = travelling[a]->finish();
      travelling[a] = lines[a]->begin_back(axes[a]->forward_lines(whole, *lines[a], u, pass));
    }
  }
  for (size_t a = 0; a < 3; ++a) {
    u = u + (lines[a] ? lines[a]->finished(*travelling[a]) : terms[a]);
  }
  return u;
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
