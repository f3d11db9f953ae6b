#include "surrogates/morph/frozen_block.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include <ATen/ATen.h>

#include "surrogates/layers/linear_map.hpp"

namespace eddyline {
namespace {

constexpr int64_t kFirstSpace = 2;  // place of gD among the axes of the tokens

/// (…, L, inner…, E) → (outer, L, inner, heads, head), a view
at::Tensor lines(at::Tensor const& rows, int64_t axis, int64_t heads) {
  int64_t inner = 1;
  for (int64_t a = axis + 1; a < rows.dim() - 1; ++a) {
    inner *= rows.size(a);
  }
  return rows.view({-1, rows.size(axis), inner, heads, rows.size(-1) / heads});
}

}  // namespace

void attend_along(int64_t axis,
                  int64_t heads,
                  std::array<at::Tensor, 3> const& query_key_value,
                  at::Tensor const& out) {
  auto const q = lines(query_key_value[0], axis, heads);
  auto const k = lines(query_key_value[1], axis, heads);
  auto const v = lines(query_key_value[2], axis, heads);
  auto const into = lines(out, axis, heads);
  if (q.size(2) == 1) {
    auto const split = [](at::Tensor const& x) { return x.select(2, 0).transpose(1, 2); };
    split(into).copy_(at::scaled_dot_product_attention(split(q), split(k), split(v)));
    return;
  }
  // Features of the axes behind lie between those of this one, so outer lines cannot be one batch
  // without a copy.
  for (int64_t i = 0; i < q.size(0); ++i) {
    auto const split = [i](at::Tensor const& x) { return x[i].permute({1, 2, 0, 3}); };
    split(into).copy_(at::scaled_dot_product_attention(split(q), split(k), split(v)));
  }
}

FrozenMorphBlock::FrozenMorphBlock(std::shared_ptr<MorphBlock const> block,
                                   int64_t heads,
                                   BlockFold const& fold)
    : block_(std::move(block)), heads_(heads), fold_(fold) {
  auto const type = block_->norm1->weight.scalar_type();
  auto const pack = [&](LinearMap const& map) { return map.packed(type, fold.precision); };
  auto const& axial = *block_->axial_attn;
  if (fold.has_past) {
    auto const& time = *axial.attn_t;
    time_query_ = pack(LinearMap(*time.q));
    time_key_value_ = pack(LinearMap(*time.k).above(LinearMap(*time.v)));
    time_out_ = pack(LinearMap(*time.o));
  }
  std::optional<LinearMap> projections, still;
  std::vector<at::Tensor> outputs;
  at::Tensor bias = at::zeros_like(axial.attn_d->o->base->bias, at::kDouble);
  AxisAttention const* const space[] = {axial.attn_d.get(), axial.attn_h.get(), axial.attn_w.get()};
  for (size_t a = 0; a < 3; ++a) {
    auto const& attention = *space[a];
    LinearMap const value(*attention.v), out(*attention.o);
    if (fold.live[a]) {
      auto const own = LinearMap(*attention.q).above(LinearMap(*attention.k)).above(value);
      if (fold.divided[a]) {
        line_query_key_value_[a] = pack(own);
      } else {
        projections = projections ? projections->above(own) : own;
      }
      outputs.push_back(out.weight);
      bias = bias + out.bias;
      continue;
    }
    auto const through = out.after(value);
    still = still ? LinearMap(still->weight + through.weight, still->bias + through.bias) : through;
  }
  if (still) {
    outputs.push_back(still->weight);
    bias = bias + still->bias;
  }
  if (projections) {
    query_key_value_ = pack(*projections);
  }
  out_ = pack(LinearMap(at::cat(outputs, 1), bias));
  widen_ = pack(LinearMap(block_->widen()));
  narrow_ = pack(LinearMap(block_->narrow()));
}

at::Tensor FrozenMorphBlock::kept(at::Tensor const& x) const {
  return fold_.kept == FramesKept::all ? x : x.narrow(1, x.size(1) - 1, 1);
}

at::Tensor FrozenMorphBlock::attend_time(at::Tensor const& u) const {
  auto const newest = kept(u);
  auto const query = time_query_.forward(newest);
  auto const both = time_key_value_.forward(u).chunk(2, -1);
  auto mixed = at::empty_like(query);
  attend_along(1, heads_, {query, both[0], both[1]}, mixed);
  return newest + time_out_.forward(mixed);
}

std::array<std::optional<SplitLines>, 3> FrozenMorphBlock::split_lines(
    at::Tensor const& u, Sharding const* patches) const {
  std::array<std::optional<SplitLines>, 3> lines;
  for (size_t a = 0; patches && a < 3; ++a) {
    if (fold_.divided[a]) {
      lines[a].emplace(
          patches->axis(a), kFirstSpace + static_cast<int64_t>(a), u.sizes(), patches->flight());
    }
  }
  return lines;
}

at::Tensor FrozenMorphBlock::attend_line(at::Tensor const& lines, size_t axis) const {
  auto mixed = at::empty_like(lines, at::MemoryFormat::Contiguous);
  if (lines.numel() > 0) {
    auto const parts = line_query_key_value_[axis].forward(lines).chunk(3, -1);
    attend_along(0, heads_, {parts[0], parts[1], parts[2]}, mixed);
  }
  return mixed;
}

at::Tensor FrozenMorphBlock::attend_space(at::Tensor const& u, Sharding const* patches) const {
  auto const dim = u.size(-1);
  auto const live = std::count(fold_.live.begin(), fold_.live.end(), true);
  if (live == 0) {
    return u;
  }
  auto const lines = split_lines(u, patches);
  std::array<std::optional<Transposition::Pending>, 3> travelling;
  for (size_t a = 0; a < 3; ++a) {
    if (lines[a]) {
      travelling[a] = lines[a]->begin(u);
    }
  }
  auto const projected = query_key_value_.defined() ? query_key_value_.forward(u) : at::Tensor();
  auto shape = u.sizes().vec();
  shape.back() = (live < 3 ? live + 1 : live) * dim;
  auto const joined = at::empty(shape, u.options());
  int64_t place = 0, own = 0;
  std::array<int64_t, 3> places{};
  for (size_t a = 0; a < 3; ++a) {
    if (!fold_.live[a]) {
      continue;
    }
    places[a] = place++;
    if (!lines[a]) {
      auto const parts = projected.narrow(-1, 3 * own++ * dim, 3 * dim).chunk(3, -1);
      attend_along(kFirstSpace + static_cast<int64_t>(a),
                   heads_,
                   {parts[0], parts[1], parts[2]},
                   joined.narrow(-1, places[a] * dim, dim));
    }
  }
  for (size_t a = 0; a < 3; ++a) {
    if (lines[a]) {
      travelling[a] = lines[a]->begin_back(attend_line(travelling[a]->finish(), a));
    }
  }
  for (size_t a = 0; a < 3; ++a) {
    if (lines[a]) {
      joined.narrow(-1, places[a] * dim, dim).copy_(lines[a]->finished(*travelling[a]));
    }
  }
  if (live < 3) {
    joined.narrow(-1, place * dim, dim).copy_(u);
  }
  return joined;
}

at::Tensor FrozenMorphBlock::forward(at::Tensor const& x, Sharding const* patches) const {
  auto const normed = block_->norm1->forward(x);
  auto const u = fold_.has_past ? attend_time(normed) : kept(normed);
  auto mixed = kept(x) + u;  // u itself is part of the sum (README)
  out_.add_to(mixed, attend_space(u, patches));
  auto const hidden = widen_.forward(block_->norm2->forward(mixed), Activation::gelu);
  narrow_.add_to(mixed, hidden);
  return mixed;
}

}  // namespace eddyline
