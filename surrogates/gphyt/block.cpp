#include "surrogates/gphyt/block.hpp"

#include <cmath>

#include <ATen/ATen.h>

#include "surrogates/gphyt/shares.hpp"
#include "surrogates/layers/split_tokens.hpp"

namespace eddyline {
namespace {

// Sites inside a block: two of stochastic depth, the MLP's, then the attention's.
constexpr uint64_t kSitesPerBlock = 1024;
constexpr uint64_t kMlpSite = 2;
constexpr uint64_t kAttentionSite = 3;

}  // namespace

at::Tensor newest(at::Tensor const& x, int64_t rows) {
  return x.narrow(1, x.size(1) - rows, rows);
}

GphytAttention::GphytAttention(GphytConfig const& config, uint64_t site)
    : dim_(shape_of(config).hidden_dim),
      groups_{.mode = config.attention, .heads = shape_of(config).num_heads},
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
  if (!turns && z.numel() / dim_ > dim_) {
    return project_at_once(part, 1, z, pass).front();
  }
  auto between = apply_linear(z, inner, {}, pass.precision);
  if (turns) {
    between = rotate(between, rotation);
  }
  return apply_linear(between, outer, bias, pass.precision);
}

/// `parts` of them from `first` on, in one product. Two linear maps with nothing between are one;
/// their product costs C³, the tokens save N·C².
std::vector<at::Tensor> GphytAttention::project_at_once(Part first,
                                                        int64_t parts,
                                                        at::Tensor const& z,
                                                        Pass const& pass) const {
  auto const from = first * dim_;
  auto const map = [&](at::Tensor const& weight) {
    return weight.narrow(0, from, parts * dim_).view({parts, dim_, dim_});
  };
  auto const weight = at::bmm(map(attention->in_proj_weight), map(to_qkv)).flatten(0, 1);
  auto const bias = attention->in_proj_bias.narrow(0, from, parts * dim_);
  return apply_linear(z, weight, bias, pass.precision).chunk(parts, -1);
}

/// Queries of the newest `rows` times, keys and values of the times that they meet.
std::array<at::Tensor, 3> GphytAttention::project_all(at::Tensor const& z,
                                                      int64_t rows,
                                                      GphytRotation const& rotation,
                                                      Pass const& pass) const {
  bool const alone = groups_.mode == GphytAttentionMode::spatial;  // times do not meet
  auto const own = newest(z, rows);
  auto const seen = alone ? own : z;
  if (rotation.is_identity() && own.numel() / dim_ > dim_) {
    if (own.size(1) == seen.size(1)) {
      auto const all = project_at_once(query, 3, seen, pass);
      return {all[0], all[1], all[2]};
    }
    auto const both = project_at_once(key, 2, seen, pass);
    return {project(query, own, rotation, pass), both[0], both[1]};
  }
  auto const turn = alone ? rotation.last(rows) : rotation;
  return {project(query, own, rotation.last(rows), pass),
          project(key, seen, turn, pass),
          project(value, seen, {}, pass)};
}

/// Of one group, with dropout on the shares.
at::Tensor GphytAttention::attend(at::Tensor const& q,
                                  at::Tensor const& k,
                                  at::Tensor const& v,
                                  uint64_t site,
                                  Pass const& pass) const {
  if (!pass.training || dropout_ <= 0) {
    return group_attention(q, k, v, pass.precision);
  }
  auto const in = [&](at::Tensor const& x) {
    return pass.precision == Precision::bf16 ? x.to(at::kBFloat16) : x;
  };
  auto const scale = 1 / std::sqrt(static_cast<double>(q.size(-1)));
  auto const scores = at::matmul(in(q * scale), in(k).transpose(-2, -1)).to(q.scalar_type());
  auto const share = drop(at::softmax(scores, -1), dropout_, site, pass);
  return at::matmul(in(share), in(v)).to(q.scalar_type());
}

/// Of tokens that meet those of other ranks.
at::Tensor GphytAttention::attend_split(std::array<at::Tensor, 3> const& qkv,
                                        Pass const& pass,
                                        std::shared_ptr<SplitAttention const> const& split) const {
  bool const drops = pass.training && dropout_ > 0;
  auto const attend_heads = [&](at::Tensor const& q,
                                at::Tensor const& k,
                                at::Tensor const& v,
                                uint64_t part,
                                HeadRange own) {
    return attend(q, k, v, site_ + part, drops ? pass_of_heads(pass, q, own, groups_.heads) : pass);
  };
  RingAttention ring{.precision = pass.precision};
  ring.factors =
      share_factors({.groups = groups_, .probability = dropout_, .site = site_, .pass = pass},
                    split,
                    qkv[0].size(1),
                    qkv[1].size(1));
  return attend_in_split_groups(groups_, qkv, *split, attend_heads, ring);
}

at::Tensor GphytAttention::forward(at::Tensor const& z,
                                   int64_t rows,
                                   GphytRotation const& rotation,
                                   Pass const& pass,
                                   std::shared_ptr<SplitAttention const> const& split) const {
  auto const qkv = project_all(z, rows, rotation, pass);
  if (split && groups_.mode != GphytAttentionMode::temporal) {
    return attention->out_proj->forward(attend_split(qkv, pass, split), pass);
  }
  bool const places = split && pass.training && dropout_ > 0;
  auto const shares = places ? pass_of_lines(pass, split->numbers(), groups_.heads) : pass;
  auto const mixed = attend_in_groups(
      groups_,
      qkv,
      [&](at::Tensor const& q, at::Tensor const& k, at::Tensor const& v, uint64_t part) {
        return attend(q, k, v, site_ + part, shares);
      });
  return attention->out_proj->forward(mixed, pass);
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
  widen = mlp->register_module("0", std::make_shared<Linear>(shape.hidden_dim, shape.mlp_dim));
  narrow = mlp->register_module("2", std::make_shared<Linear>(shape.mlp_dim, shape.hidden_dim));
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
                               Pass const& pass,
                               std::shared_ptr<SplitAttention const> const& split) const {
  auto tokens = pass;
  if (split && pass.training && dropout_ > 0) {
    tokens.places =
        std::make_shared<RowPlaces const>(TokenRange(pass.samples, rows, *pass.sharding).places());
  }
  auto const attended = attention->forward(norm1->forward(h), rows, rotation, pass, split);
  auto const mixed = newest(h, rows) + skip(attended, site_, pass);
  auto const hidden = at::gelu(widen->forward(norm2->forward(mixed), pass));
  auto const update = drop(narrow->forward(hidden, pass), dropout_, site_ + kMlpSite, tokens);
  return mixed + skip(update, site_ + 1, pass);
}

}  // namespace eddyline
