#include "surrogates/gphyt/grouping.hpp"

#include <utility>
#include <vector>

#include <ATen/ATen.h>

namespace eddyline {
namespace {

/// Queries of each time with the keys up to it: no mask, and half of the products.
at::Tensor attend_in_time(int64_t heads,
                          std::array<at::Tensor, 3> const& qkv,
                          GphytGroupAttention const& attend) {
  auto const& [q, k, v] = qkv;  // (B, r, n, C), (B, n_t, n, C)
  auto const in_heads = [&](at::Tensor const& x) {
    return x.reshape({x.size(0), x.size(1) * x.size(2), heads, x.size(3) / heads}).transpose(1, 2);
  };
  std::vector<at::Tensor> times;
  auto const rows = q.size(1);
  for (int64_t t = 0; t < rows; ++t) {
    auto const seen = k.size(1) - rows + t + 1;
    times.push_back(attend(in_heads(q.narrow(1, t, 1)),
                           in_heads(k.narrow(1, 0, seen)),
                           in_heads(v.narrow(1, 0, seen)),
                           static_cast<uint64_t>(seen)));
  }
  return at::cat(times, 2).transpose(1, 2);
}

}  // namespace

at::Tensor attend_in_groups(GphytGroups const& groups,
                            std::array<at::Tensor, 3> const& qkv,
                            GphytGroupAttention const& attend) {
  auto const& [q, k, v] = qkv;
  auto const batch = q.size(0), rows = q.size(1), cells = q.size(2), dim = q.size(3);
  auto const width = dim / groups.heads;
  at::Tensor mixed;
  if (groups.mode == GphytAttentionMode::full_causal && rows > 1) {
    mixed = attend_in_time(groups.heads, qkv, attend);
  } else if (groups.mode == GphytAttentionMode::temporal) {
    // Cells count as heads: (B, n·heads, n_t, d).
    auto const lines = [&](at::Tensor const& x) {
      return x.reshape({batch, x.size(1), cells * groups.heads, width}).transpose(1, 2);
    };
    mixed = attend(lines(q), lines(k), lines(v), 0).transpose(1, 2);
  } else {
    bool const alone = groups.mode == GphytAttentionMode::spatial;
    auto const in_heads = [&](at::Tensor const& x) {
      auto const tokens = alone ? cells : x.size(1) * cells;
      return x.reshape({alone ? batch * rows : batch, tokens, groups.heads, width}).transpose(1, 2);
    };
    mixed = attend(in_heads(q), in_heads(k), in_heads(v), 0).transpose(1, 2);
  }
  return mixed.reshape({batch, rows, cells, dim});
}

at::Tensor attend_in_split_groups(GphytGroups const& groups,
                                  std::array<at::Tensor, 3> const& qkv,
                                  SplitAttention const& split,
                                  GphytHeadsAttention const& attend,
                                  RingAttention ring) {
  auto const by_heads = [&](std::array<at::Tensor, 3> const& whole, HeadRange own) {
    return attend_in_groups(
        {groups.mode, own.count},
        whole,
        [&](at::Tensor const& q, at::Tensor const& k, at::Tensor const& v, uint64_t part) {
          return attend(q, k, v, part, own);
        });
  };
  if (split.is_by_heads()) {
    return split(qkv, by_heads, {});
  }
  bool const alone = groups.mode == GphytAttentionMode::spatial;
  auto const grouped = [&](at::Tensor const& x) {
    return alone ? x.flatten(0, 1).unsqueeze(1) : x;
  };
  ring.sight = groups.mode == GphytAttentionMode::full_causal ? Sight::past : Sight::all;
  return split({grouped(qkv[0]), grouped(qkv[1]), grouped(qkv[2])}, by_heads, std::move(ring))
      .reshape(qkv[0].sizes());
}

at::Tensor group_attention(at::Tensor const& q,
                           at::Tensor const& k,
                           at::Tensor const& v,
                           Precision precision) {
  if (precision == Precision::fp32) {
    return at::scaled_dot_product_attention(q, k, v);
  }
  auto const half = [](at::Tensor const& x) { return x.to(at::kBFloat16); };
  return at::scaled_dot_product_attention(half(q), half(k), half(v)).to(q.scalar_type());
}

}  // namespace eddyline
