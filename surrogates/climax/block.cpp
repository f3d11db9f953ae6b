#include "surrogates/climax/block.hpp"

#include <ATen/ATen.h>

namespace eddyline {
namespace {

// Sites of dropout masks: 0 … 63 are the network's, then each block's.
constexpr uint64_t kFirstBlockSite = 64;
constexpr uint64_t kSitesPerBlock = 8;
enum Site : uint64_t { kAttention, kAttentionPath, kHidden, kMlp, kMlpPath };

}  // namespace

at::Tensor attend_to_tokens(at::Tensor const& qkv,
                            int64_t heads,
                            AttentionOfHeads const& attend,
                            SplitAttention const* split,
                            Precision precision) {
  if (!split) {
    auto const parts = qkv.unflatten(2, {3, heads, -1});  // (B, n, 3, heads, D/heads)
    auto const part = [&](int64_t i) { return parts.select(2, i).transpose(1, 2); };
    return attend(part(0), part(1), part(2)).transpose(1, 2).flatten(2);
  }
  auto const parts = qkv.unsqueeze(1).chunk(3, -1);  // (B, 1, n, D): one time
  auto const own = [&](std::array<at::Tensor, 3> const& whole, HeadRange range) {
    auto const in_heads = [&](at::Tensor const& x) {
      return x.squeeze(1).unflatten(2, {range.count, -1}).transpose(1, 2);
    };
    return attend(in_heads(whole[0]), in_heads(whole[1]), in_heads(whole[2]))
        .transpose(1, 2)
        .flatten(2)
        .unsqueeze(1);
  };
  return (*split)({parts[0], parts[1], parts[2]}, own, {.precision = precision}).squeeze(1);
}

ClimaxAttention::ClimaxAttention(int64_t dim, int64_t heads) : heads_(heads) {
  qkv = register_module("qkv", std::make_shared<Linear>(dim, 3 * dim));
  proj = register_module("proj", std::make_shared<Linear>(dim, dim));
}

at::Tensor ClimaxAttention::forward(at::Tensor const& x,
                                    Pass const& pass,
                                    SplitAttention const* split) const {
  auto const attend = [](at::Tensor const& q, at::Tensor const& k, at::Tensor const& v) {
    return at::scaled_dot_product_attention(q, k, v);
  };
  return proj->forward(
      attend_to_tokens(qkv->forward(x, pass), heads_, attend, split, Precision::fp32), pass);
}

ClimaxMlp::ClimaxMlp(int64_t dim, int64_t hidden) {
  fc1 = register_module("fc1", std::make_shared<Linear>(dim, hidden));
  fc2 = register_module("fc2", std::make_shared<Linear>(hidden, dim));
}

ClimaxBlock::ClimaxBlock(ClimaxConfig const& config, int64_t index)
    : dropout_(config.dropout),
      drop_path_(index == 0 ? 0
                            : config.drop_path * static_cast<double>(index) /
                                  static_cast<double>(config.depth - 1)),
      site_(kFirstBlockSite + kSitesPerBlock * static_cast<uint64_t>(index)) {
  norm1 = register_module("norm1", std::make_shared<LayerNorm>(config.dim));
  attn = register_module("attn", std::make_shared<ClimaxAttention>(config.dim, config.heads));
  norm2 = register_module("norm2", std::make_shared<LayerNorm>(config.dim));
  mlp = register_module("mlp", std::make_shared<ClimaxMlp>(config.dim, mlp_width(config)));
}

at::Tensor ClimaxBlock::forward(at::Tensor const& x,
                                Pass const& pass,
                                SplitAttention const* split) const {
  auto const attended =
      drop(attn->forward(norm1->forward(x), pass, split), dropout_, site_ + kAttention, pass);
  auto const mixed = x + drop_rows(attended, drop_path_, site_ + kAttentionPath, pass);
  auto const hidden = drop(
      at::gelu(mlp->fc1->forward(norm2->forward(mixed), pass)), dropout_, site_ + kHidden, pass);
  auto const changed = drop(mlp->fc2->forward(hidden, pass), dropout_, site_ + kMlp, pass);
  return mixed + drop_rows(changed, drop_path_, site_ + kMlpPath, pass);
}

at::Tensor drop_rows(at::Tensor const& x, double p, uint64_t site, Pass const& pass) {
  if (!pass.training || p <= 0) {
    return x;
  }
  auto rows = pass;
  rows.places = nullptr;  // whole rows, whoever holds which of their tokens
  return x * drop(at::ones({x.size(0), 1, 1}, x.options()), p, site, rows);
}

}  // namespace eddyline
