#include "surrogates/gphyt/block.hpp"

#include <cmath>

#include <ATen/ATen.h>

namespace eddyline {
namespace {

// Sites inside a block: two of stochastic depth, the MLP's, then the attention's.
constexpr uint64_t kSitesPerBlock = 1024;
constexpr uint64_t kMlpSite = 2;
constexpr uint64_t kAttentionSite = 3;

at::Tensor newest(at::Tensor const& tokens, int64_t rows) {
  return tokens.narrow(1, tokens.size(1) - rows, rows);
}

}  // namespace

GphytAttention::GphytAttention(GphytConfig const& config, uint64_t site)
    : dim_(shape_of(config).hidden_dim),
      heads_(shape_of(config).num_heads),
      mode_(config.attention),
      dropout_(config.dropout),
      site_(site) {
  auto const first = register_module("to_qkv", std::make_shared<torch::nn::Module>());
  to_qkv = first->register_parameter("weight", at::zeros({3 * dim_, dim_}));
  attention = register_module("attention", std::make_shared<PackedAttention>(dim_));
}

/// Queries, keys or values of z (B, r, n, C), not yet divided into heads.
at::Tensor GphytAttention::project(Part part,
                                   at::Tensor const& z,
                                   GphytRotation const& rotation,
                                   Pass const& pass) const {
  auto const inner = to_qkv.narrow(0, part * dim_, dim_);
  auto const outer = attention->in_proj_weight.narrow(0, part * dim_, dim_);
  auto const bias = attention->in_proj_bias.narrow(0, part * dim_, dim_);
  bool const turns = part != value && !rotation.is_identity();
  // Two linear maps with nothing between are one; their product costs C³, the tokens save N·C².
  if (!turns && z.numel() / dim_ > dim_) {
    return apply_linear(z, at::matmul(outer, inner), bias, pass.precision);
  }
  auto between = apply_linear(z, inner, {}, pass.precision);
  if (turns) {
    between = rotate(between, rotation);
  }
  return apply_linear(between, outer, bias, pass.precision);
}

/// softmax(q kᵀ/√d) v for q (G, heads, L, d) and k, v (G, heads, M, d), the G rows of a sample
/// being neighbours.
at::Tensor GphytAttention::attend(at::Tensor const& q,
                                  at::Tensor const& k,
                                  at::Tensor const& v,
                                  uint64_t site,
                                  Pass const& pass) const {
  bool const drops = pass.training && dropout_ > 0;
  auto const in = [&](at::Tensor const& x) {
    return pass.precision == Precision::bf16 ? x.to(at::kBFloat16) : x;
  };
  if (!drops) {
    return at::scaled_dot_product_attention(in(q), in(k), in(v)).to(q.scalar_type());
  }
  auto const scale = 1 / std::sqrt(static_cast<double>(q.size(-1)));
  auto const scores = at::matmul(in(q * scale), in(k).transpose(-2, -1)).to(q.scalar_type());
  auto const share = drop(at::softmax(scores, -1), dropout_, site, pass);
  return at::matmul(in(share), in(v)).to(q.scalar_type());
}

/// Queries of each time with the keys up to it: no mask, and half of the products.
at::Tensor GphytAttention::attend_in_time(std::array<at::Tensor, 3> const& qkv,
                                          Pass const& pass) const {
  auto const& [q, k, v] = qkv;  // (B, r, n, C), (B, n_t, n, C)
  auto const heads = [&](at::Tensor const& x) {
    return x.reshape({x.size(0), x.size(1) * x.size(2), heads_, dim_ / heads_}).transpose(1, 2);
  };
  std::vector<at::Tensor> times;
  auto const rows = q.size(1);
  for (int64_t t = 0; t < rows; ++t) {
    auto const seen = k.size(1) - rows + t + 1;
    times.push_back(attend(heads(q.narrow(1, t, 1)),
                           heads(k.narrow(1, 0, seen)),
                           heads(v.narrow(1, 0, seen)),
                           site_ + static_cast<uint64_t>(seen),
                           pass));
  }
  return at::cat(times, 2).transpose(1, 2);
}

at::Tensor GphytAttention::forward(at::Tensor const& z,
                                   int64_t rows,
                                   GphytRotation const& rotation,
                                   Pass const& pass) const {
  auto const batch = z.size(0), cells = z.size(2);
  bool const alone = mode_ == GphytAttentionMode::spatial;  // times do not meet
  auto const own = newest(z, rows);
  auto const seen = alone ? own : z;
  auto const turn = alone ? rotation.last(rows) : rotation;
  auto const q = project(query, own, rotation.last(rows), pass);
  auto const k = project(key, seen, turn, pass);
  auto const v = project(value, seen, {}, pass);
  at::Tensor mixed;
  if (mode_ == GphytAttentionMode::full_causal && rows > 1) {
    mixed = attend_in_time({q, k, v}, pass);
  } else if (mode_ == GphytAttentionMode::temporal) {
    // Cells count as heads: (B, n·heads, n_t, d).
    auto const lines = [&](at::Tensor const& x) {
      return x.view({batch, x.size(1), cells * heads_, dim_ / heads_}).transpose(1, 2);
    };
    mixed = attend(lines(q), lines(k), lines(v), site_, pass).transpose(1, 2);
  } else {
    auto const groups = alone ? batch * rows : batch;
    auto const heads = [&](at::Tensor const& x) {
      auto const tokens = alone ? cells : x.size(1) * cells;
      return x.view({groups, tokens, heads_, dim_ / heads_}).transpose(1, 2);
    };
    mixed = attend(heads(q), heads(k), heads(v), site_, pass).transpose(1, 2);
  }
  return attention->out_proj->forward(mixed.reshape({batch, rows, cells, dim_}), pass);
}

GphytBlock::GphytBlock(GphytConfig const& config, int64_t index)
    : dropout_(config.dropout),
      stochastic_depth_(config.stochastic_depth),
      site_(kSitesPerBlock * static_cast<uint64_t>(index)) {
  auto const shape = shape_of(config);
  attention = register_module("attention",
                              std::make_shared<GphytAttention>(config, site_ + kAttentionSite));
  norm1 = register_module("norm1", std::make_shared<LayerNorm>(shape.hidden_dim));
  norm2 = register_module("norm2", std::make_shared<LayerNorm>(shape.hidden_dim));
  auto const mlp = register_module("mlp", std::make_shared<torch::nn::Module>())
                       ->register_module("mlp", std::make_shared<torch::nn::Module>());
  widen_ = mlp->register_module("0", std::make_shared<Linear>(shape.hidden_dim, shape.mlp_dim));
  narrow_ = mlp->register_module("2", std::make_shared<Linear>(shape.mlp_dim, shape.hidden_dim));
}

/// Stochastic depth: in training a sample skips the branch with the given probability.
at::Tensor GphytBlock::skip(at::Tensor const& branch, uint64_t site, Pass const& pass) const {
  if (!pass.training || stochastic_depth_ <= 0) {
    return branch;
  }
  auto const kept = at::ones({branch.size(0), 1, 1, 1}, branch.options().requires_grad(false));
  return branch * drop(kept, stochastic_depth_, site, pass);
}

at::Tensor GphytBlock::forward(at::Tensor const& h,
                               int64_t rows,
                               GphytRotation const& rotation,
                               Pass const& pass) const {
  auto const mixed = newest(h, rows) +
                     skip(attention->forward(norm1->forward(h), rows, rotation, pass), site_, pass);
  auto const hidden = at::gelu(widen_->forward(norm2->forward(mixed), pass));
  auto const update = drop(narrow_->forward(hidden, pass), dropout_, site_ + kMlpSite, pass);
  return mixed + skip(update, site_ + 1, pass);
}

}  // namespace eddyline
