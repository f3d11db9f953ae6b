#include "surrogates/gphyt/frozen_block.hpp"

#include <ATen/ATen.h>

#include "surrogates/layers/tile_attention.hpp"

namespace eddyline {
namespace {

constexpr double kNormEpsilon = 1e-5;

/// y = W x + b in float64.
struct Affinity {
  at::Tensor weight, bias;
};

at::Tensor wide(at::Tensor const& x) {
  return x.detach().to(at::kDouble);
}

/// The norm's scale and shift, then W x + b.
Affinity behind(LayerNorm const& norm, at::Tensor const& weight, at::Tensor const& bias) {
  auto const w = wide(weight);
  auto const shift = at::mv(w, wide(norm.bias));
  return {.weight = w * wide(norm.weight), .bias = bias.defined() ? shift + wide(bias) : shift};
}

/// The maps of a block before its attention, rows q, k, v.
Affinity before_attention(GphytBlock const& block, GphytPositions positions) {
  auto const& attention = *block.attention;
  auto const inner = wide(attention.to_qkv).chunk(3);
  auto const outer = wide(attention.attention->in_proj_weight).chunk(3);
  auto const biases = wide(attention.attention->in_proj_bias).chunk(3);
  std::vector<at::Tensor> weights, shifts;
  for (size_t part = 0; part < 3; ++part) {
    bool const turns = positions == GphytPositions::rope && part < 2;
    weights.push_back(turns ? inner[part] : at::mm(outer[part], inner[part]));
    shifts.push_back(turns ? at::zeros_like(biases[part]) : biases[part]);
  }
  return behind(*block.norm1, at::cat(weights), at::cat(shifts));
}

at::Tensor normalised(at::Tensor const& h) {
  return at::layer_norm(h, {h.size(-1)}, {}, {}, kNormEpsilon);
}

}  // namespace

FrozenGphytBlock::FrozenGphytBlock(GphytBlock const& block,
                                   GphytConfig const& config,
                                   FrozenRows rows,
                                   Precision precision)
    : groups_{.mode = config.attention, .heads = shape_of(config).num_heads},
      turns_(config.positions == GphytPositions::rope),
      precision_(precision) {
  auto const type = block.norm1->weight.scalar_type();
  auto const pack = [&](at::Tensor const& weight, at::Tensor const& bias) {
    return PackedLinear(weight.to(type), bias.to(type), precision);
  };
  auto const before = before_attention(block, config.positions);
  query_key_value_ = pack(before.weight, before.bias);
  auto const dim = before.weight.size(1);
  if (rows == FrozenRows::newest) {
    query_ = pack(before.weight.narrow(0, 0, dim), before.bias.narrow(0, 0, dim));
    key_value_ = pack(before.weight.narrow(0, dim, 2 * dim), before.bias.narrow(0, dim, 2 * dim));
  }
  auto const& inside = *block.attention->attention;
  if (turns_) {
    auto const weights = inside.in_proj_weight.chunk(3), biases = inside.in_proj_bias.chunk(3);
    turned_query_ = pack(weights[0], biases[0]);
    turned_key_ = pack(weights[1], biases[1]);
  }
  out_ = pack(inside.out_proj->weight, inside.out_proj->bias);
  auto const up = behind(*block.norm2, block.widen->weight, block.widen->bias);
  widen_ = pack(up.weight, up.bias);
  narrow_ = pack(block.narrow->weight, block.narrow->bias);
}

/// Queries of the newest times, keys and values of those that they meet: (B, r or n_t, n, C).
std::array<at::Tensor, 3> FrozenGphytBlock::project(at::Tensor const& h,
                                                    int64_t rows,
                                                    GphytRotation const& rotation) const {
  bool const alone = groups_.mode == GphytAttentionMode::spatial;  // times do not meet
  auto const z = normalised(alone ? newest(h, rows) : h);
  auto const dim = z.size(-1);
  at::Tensor q, k, v;
  if (rows < z.size(1)) {
    q = query_.forward(newest(z, rows));
    auto const both = key_value_.forward(z);
    k = both.narrow(-1, 0, dim);
    v = both.narrow(-1, dim, dim);
  } else {
    auto const all = query_key_value_.forward(z);
    q = all.narrow(-1, 0, dim);
    k = all.narrow(-1, dim, dim);
    v = all.narrow(-1, 2 * dim, dim);
  }
  if (turns_) {
    q = turned_query_.forward(rotate(q, rotation.last(q.size(1))));
    k = turned_key_.forward(rotate(k, rotation.last(k.size(1))));
  }
  return {q, k, v};
}

at::Tensor FrozenGphytBlock::forward(at::Tensor const& h,
                                     int64_t rows,
                                     GphytRotation const& rotation,
                                     SplitAttention const* split) const {
  auto const attend =
      [this](at::Tensor const& q, at::Tensor const& k, at::Tensor const& v, auto const&...) {
        return frozen_attention(q, k, v, precision_);
      };
  auto const qkv = project(h, rows, rotation);
  bool const meets = split && groups_.mode != GphytAttentionMode::temporal;
  auto const update =
      meets ? attend_in_split_groups(groups_, qkv, *split, attend, {.precision = precision_})
            : attend_in_groups(groups_, qkv, attend);
  auto const mixed = out_.forward(update).add_(newest(h, rows));
  auto const hidden = widen_.forward(normalised(mixed), Activation::gelu);
  narrow_.add_to(mixed, hidden);
  return mixed;
}

}  // namespace eddyline
